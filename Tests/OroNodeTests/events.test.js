// SPDX-License-Identifier: Apache-2.0
'use strict'
// Sections 10.2 and 11.11 of the module's description, every row; in Node the realm's event target is `events` of the package.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { load } = require('./package.js')
const { emit, postMessage, resolve } = load('ipc.js')
const { events } = load('index.js')

/** The events of this name that `body` dispatches on `target`. */
async function heard (name, body, target = events) {
  const found = []
  const listener = event => found.push(event)
  target.addEventListener(name, listener)
  await body()
  target.removeEventListener(name, listener)
  return found
}

const object = { a: 1 }
const emitted = [
  ['%7B%22a%22%3A1%7D', { a: 1 }], ['hello%20x', 'hello x'], ['%', '%'], ['null', null], ['0', 0], [undefined, null], [5, 5]
]

for (const [value, detail] of emitted) {
  test(`emit of ${JSON.stringify(value)}`, async () => {
    const [event] = await heard('e', () => emit('e', value))
    assert.equal(event.type, 'e')
    assert.deepEqual(event.detail, detail)
  })
}

test('emit hands objects over as they are', async () => {
  const [event] = await heard('e', () => emit('e', object))
  assert.equal(event.detail, object)
})

test('emit of an empty text dispatches nothing, and says so', async t => {
  const said = t.mock.method(console, 'error', () => {})
  assert.deepEqual(await heard('e', () => emit('e', '')), [])
  assert.equal(said.mock.callCount(), 1)
})

test('emit on a target, with options', async () => {
  const target = new EventTarget()
  const [event] = await heard('e', () => emit('e', 1, target, { cancelable: true }), target)
  assert.equal(event.cancelable, true)
  assert.equal(event.detail, 1)
  const [other] = await heard('e', () => emit('e', 1, target, { detail: 2 }), target)
  assert.equal(other.detail, 2)
})

test('emit and resolve answer promises of undefined', async () => {
  assert.equal(await emit('e', 1), undefined)
  assert.equal(await resolve('R1', 1), undefined)
})

test('resolve is an event that names index and seq', async () => {
  const [event] = await heard('resolve-0-R77', () => resolve('R77', object))
  assert.equal(event.detail, object)
  globalThis.__args = { index: 2 }
  try {
    assert.equal((await heard('resolve-2-R78', () => resolve('R78', object))).length, 1)
  } finally {
    delete globalThis.__args
  }
})

const posted = []
const target = { postMessage: (...args) => { posted.push(args); return 'posted' } }

// Globals; what is posted to them with ('ipc://x', bytes).
const bytes = new Uint8Array(1)
const targets = [
  [{ webkit: { messageHandlers: { external: target } } }, ['ipc://x', bytes]],
  [{ chrome: { webview: target } }, ['ipc://x', bytes]],
  [{ external: target }, ['ipc://x', bytes]],
  [{ postMessage: target.postMessage, self: globalThis },
    [{ __runtime_worker_ipc_request: { message: 'ipc://x', bytes } }, [bytes.buffer]]],
  [{ postMessage: () => 'wrong', self: globalThis, window: {}, top: target }, ['ipc://x', bytes]]
]

for (const [globals, args] of targets) {
  test(`postMessage in a realm with ${Object.keys(globals)}`, () => {
    posted.length = 0
    Object.assign(globalThis, globals)
    try {
      assert.equal(postMessage('ipc://x', bytes), 'posted')
    } finally {
      for (const key of Object.keys(globals)) delete globalThis[key]
    }
    assert.deepEqual(posted, [args])
  })
}

test('postMessage with nobody to post to throws', () => {
  assert.throws(() => postMessage('ipc://x'), {
    name: 'TypeError', message: 'Could not determine UserMessageHandler.postMessage in globalThis'
  })
})

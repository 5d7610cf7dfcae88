// SPDX-License-Identifier: Apache-2.0
'use strict'
// Sections 1, 2.2, 3 of the module's description. Left out of 3: `debug.log` following `__args` of a runtime at load, which `debug.test.js` has in processes
// of their own.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { load } = require('./package.js')
const ipc = load('ipc.js')
const { parseJSON } = load('lib/parse-json.js')

const names = `maybeMakeError OK ERROR TIMEOUT kDebugEnabled parseSeq debug Headers findMessageTransfers postMessage Message
  Result ready IPCSearchParams sendSync emit resolve send write request createBinding primordials
  inflateIPCMessageTransfers findIPCMessageTransfers IPCMessagePort IPCMessageChannel IPCBroadcastChannel`.split(/\s+/)

test('the module has its 27 exports and default, which is the module', () => {
  assert.deepEqual(Object.keys(ipc).sort(), [...names, 'default'].sort())
  assert.equal(names.length, 27)
  assert.equal(ipc.default, ipc)
})

test('constants', () => {
  assert.equal(ipc.OK, 0)
  assert.equal(ipc.ERROR, 1)
  assert.equal(ipc.TIMEOUT, 32000)
  assert.equal(ipc.kDebugEnabled, Symbol.for('oro.runtime.ipc.debug.enabled'))
})

test('primordials without a host are empty, and frozen', () => {
  assert.deepEqual(ipc.primordials, {})
  assert.ok(Object.isFrozen(ipc.primordials))
})

// The texts with escapes as section 20, row 1 decides them.
const texts = [
  [null, null], ['null', null], ['true', true], ['false', false], ['0', 0], ['-0', -0], ['""', ''],
  ['', null], ['01', null], ['NaN', null], ['undefined', null], ["'a'", null], [undefined, null], [{}, null],
  [' 1 ', 1],
  ['9007199254740993', 9007199254740992],
  ['12345678901234567890', 12345678901234567000],
  ['{"data":"a\\nb"}', { data: 'a\nb' }],
  ['"\\u0041"', 'A'],
  ['{"data":"a\\nb\\"c"}', { data: 'a\nb"c' }],
  ['"C:\\Users"', 'C:\\Users'],
  [Buffer.from('5'), 5],
  [new Uint8Array([1, 2, 3]), null],
  [Object.create(null), null],
  [Symbol('s'), null]
]

for (const [text, value] of texts) {
  test(`parseJSON of ${typeof text} ${typeof text === 'string' ? text : ''}`, () => {
    assert.deepEqual(parseJSON(text), value)
  })
}

test('debug: only true and false change it, and it answers what it is', () => {
  const { debug, kDebugEnabled } = ipc
  assert.equal(debug(), false)
  for (const nothing of [1, 'true', null, undefined]) assert.equal(debug(nothing), false)
  assert.equal(debug(true), true)
  for (const nothing of [0, 'false', null, undefined]) assert.equal(debug(nothing), true)
  assert.equal(debug(false), false)
  debug.enabled = 'x'
  assert.equal(debug.enabled, true)
  assert.equal(debug[kDebugEnabled], true)
  assert.ok(!Object.keys(debug).includes('enabled'))
  debug[kDebugEnabled] = undefined
  assert.equal(debug.enabled, false)
})

test('debug follows the realm until it is first written', () => {
  const { debug, kDebugEnabled } = ipc
  debug[kDebugEnabled] = undefined
  globalThis.__args = { debug: 1 }
  try {
    assert.equal(debug.enabled, true)
    globalThis.__args = { debug: 0 }
    assert.equal(debug.enabled, false)
  } finally {
    delete globalThis.__args
  }
})

test('debug.log answers undefined', () => {
  assert.equal(ipc.debug.log('ipc.send:'), undefined)
})

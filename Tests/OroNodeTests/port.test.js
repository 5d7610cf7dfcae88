// SPDX-License-Identifier: Apache-2.0
'use strict'
// Sections 14 to 17 of the module's description for ports, channels and broadcasts within a process, by the rules of 16.8 and 17 ("sane") and section 20,
// rows 24 to 31. Left out: delivery inside `postMessage` and relays by names (16.6), which 16.8 replaces.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { load } = require('./package.js')
const { IPCBroadcastChannel, IPCMessageChannel, IPCMessagePort } = load('ipc.js')

/** The next event of this name. */
const next = (target, type = 'message') => new Promise(resolve => target.addEventListener(type, resolve, { once: true }))

function channel (t) {
  const made = new IPCMessageChannel()
  t.after(() => { made.port1.close(); made.port2.close() })
  return made
}

test('a channel has two ports, and the classes it is declared with', t => {
  const made = channel(t)
  assert.ok(made instanceof MessageChannel)
  assert.ok(made instanceof IPCMessageChannel)
  for (const port of [made.port1, made.port2]) {
    assert.ok(port instanceof IPCMessagePort)
    assert.ok(port instanceof MessagePort)
    assert.ok(port instanceof EventTarget)
    assert.match(port.id, /^\d+$/)
    assert.equal(IPCMessagePort.ports.get(port.id), port)
    assert.equal(port.started, false)
    assert.equal(port.closed, false)
    assert.equal(port.onmessage, null)
    assert.equal(port.onmessageerror, null)
  }
  assert.match(made.id, /^\d+$/)
  assert.equal(new IPCMessageChannel({ id: 5, port1: { id: 'a' } }).id, '5')
  IPCMessagePort.ports.get('a').close()
  assert.throws(() => new IPCMessagePort(), TypeError)
})

const cycle = { name: 'cycle' }
cycle.self = cycle
const values = [0, '', false, null, undefined, NaN, -0, 1n, 'text', [1, , 3], new Date(0), new Map([[1, { a: 1 }]]), new Set(['x']), // eslint-disable-line no-sparse-arrays
  new Float32Array([1.5]), new Uint8Array(new Uint8Array([1, 2, 3]).buffer, 1), new DataView(new ArrayBuffer(4), 2), new ArrayBuffer(3), /a/gi,
  cycle, { __type__: 'Buffer', data: 'aGk=' }]

for (const value of values) {
  test(`a port delivers ${Object.prototype.toString.call(value)} ${typeof value === 'object' ? '' : String(value)}`, async t => {
    const { port1, port2 } = channel(t)
    const event = next(port2)
    port1.postMessage(value)
    port2.start()
    const { data } = await event
    assert.deepStrictEqual(data, value)
    if (ArrayBuffer.isView(value)) assert.equal(data.byteOffset, value.byteOffset)
  })
}

test('messages wait until the port is started, and keep their order', async t => {
  const { port1, port2 } = channel(t)
  const heard = []
  port2.addEventListener('message', ({ data }) => heard.push(data))
  for (let i = 0; i < 100; i++) port1.postMessage(i)
  await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(heard, [])
  assert.equal(port2.started, false)
  const last = new Promise(resolve => port2.addEventListener('message', ({ data }) => { if (data === 99) resolve() }))
  port2.start()
  await last
  assert.deepEqual(heard, Array.from({ length: 100 }, (_, i) => i))
})

test('onmessage starts, replaces and clears', async t => {
  const { port1, port2 } = channel(t)
  const heard = []
  port2.onmessage = () => heard.push('first')
  const second = ({ data }) => heard.push(data)
  port2.onmessage = second
  assert.equal(port2.onmessage, second)
  assert.equal(port2.started, true)
  const event = next(port2)
  port1.postMessage(1)
  await event
  assert.deepEqual(heard, [1])
  port2.onmessage = 5
  assert.equal(port2.onmessage, null)
  const again = next(port2)
  port1.postMessage(2)
  await again
  assert.deepEqual(heard, [1])
})

test('onmessageerror does not start', t => {
  const { port1 } = channel(t)
  const handler = () => {}
  port1.onmessageerror = handler
  assert.equal(port1.onmessageerror, handler)
  assert.equal(port1.started, false)
})

test('exactly the buffers that are listed are gone at the sender', async t => {
  const { port1, port2 } = channel(t)
  const listed = new ArrayBuffer(4)
  const kept = new ArrayBuffer(4)
  const message = { listed, kept }
  port1.postMessage(message, [listed])
  assert.equal(listed.byteLength, 0)
  assert.equal(kept.byteLength, 4)
  assert.equal(message.kept, kept)
  const event = next(port2)
  port2.start()
  const { data } = await event
  assert.equal(data.listed.byteLength, 4)
})

test('a port travels in a message that lists it, and is gone at the sender', async t => {
  const { port1, port2 } = channel(t)
  const other = channel(t)
  const event = next(port2)
  port1.postMessage({ port: other.port2 }, { transfer: [other.port2] })
  port2.start()
  const { data, ports } = await event
  assert.ok(data.port instanceof IPCMessagePort)
  assert.deepEqual(ports, [data.port])
  assert.equal(IPCMessagePort.ports.get(other.port2.id), undefined)
  // What was given away does nothing, and says so where it can.
  assert.equal(other.port2.postMessage(1), undefined)
  assert.equal(other.port2.start(), undefined)
  assert.equal(other.port2.addEventListener('message', () => {}), false)
  assert.equal(other.port2.removeEventListener('message', () => {}), false)
  assert.equal(other.port2.dispatchEvent(new Event('x')), false)
  other.port2.onmessage = () => {}
  assert.equal(other.port2.onmessage, null)
  const back = next(other.port1)
  other.port1.start()
  data.port.postMessage('from the new owner')
  assert.equal((await back).data, 'from the new owner')
  data.port.close()
})

const isCloneError = { name: 'DataCloneError' }

test('ports that may not travel throw a DataCloneError', t => {
  const { port1, port2 } = channel(t)
  const other = channel(t)
  assert.throws(() => port1.postMessage({ port: other.port1 }), isCloneError)
  assert.throws(() => port1.postMessage(null, [port1]), isCloneError)
  assert.throws(() => port1.postMessage(null, [other.port1, other.port1]), isCloneError)
  other.port1.close()
  assert.throws(() => port1.postMessage(null, [other.port1]), isCloneError)
  // Nothing was given away by what failed.
  assert.equal(IPCMessagePort.ports.get(port2.id), port2)
})

test('close tells the other end, behind what was sent before, and nothing is delivered at the closed one', async t => {
  const { port1, port2 } = channel(t)
  const heard = []
  port1.onmessage = ({ data }) => heard.push(data)
  port2.onmessage = ({ data }) => heard.push(data)
  port1.postMessage('last')
  port2.postMessage('never')
  const closed = next(port2, 'close')
  port1.close()
  assert.equal(port1.closed, true)
  await closed
  assert.deepEqual(heard, ['last'])
  assert.equal(port2.closed, true)
  assert.equal(IPCMessagePort.ports.has(port2.id), false)
})

test('create: the port of an id, or a new one', t => {
  const port = IPCMessagePort.create({ id: 5 })
  assert.equal(port.id, '5')
  assert.equal(IPCMessagePort.create({ id: '5', rx: 'other' }), port)
  assert.equal(IPCMessagePort.from({ id: 5 }), port)
  assert.equal(IPCMessagePort.create(port), port)
  port.close()
  assert.throws(() => IPCMessagePort.create(port), { name: 'InvalidStateError' })
  const { port1, port2 } = new MessageChannel()
  const bridge = IPCMessagePort.create(port1)
  assert.ok(bridge instanceof IPCMessagePort)
  bridge.close()
  port2.close()
})

test('two ports made by the same names, turned round, are a channel', async () => {
  const one = IPCMessagePort.create({ rx: 'a', tx: 'b' })
  one.postMessage('waits')
  const other = IPCMessagePort.create({ rx: 'b', tx: 'a' })
  const event = next(other)
  other.start()
  assert.equal((await event).data, 'waits')
  one.close()
  other.close()
})

test('a port as a description, and back', async t => {
  const { port1, port2 } = channel(t)
  const [rx, tx, transferred] = ['rx', 'tx', 'transferred'].map(name => port2[Symbol.for(`oro.runtime.ipc.IPCMessagePort.${name}`)])
  assert.equal(transferred, false)
  const text = JSON.stringify({ port: port2 })
  assert.deepEqual(JSON.parse(text).port, { __type__: 'IPCMessagePort', transferred: true, rx: tx, tx: rx, id: port2.id })
  assert.equal(IPCMessagePort.ports.has(port2.id), false)
  const again = IPCMessagePort.create(JSON.parse(text).port)
  assert.notEqual(again, port2)
  const event = next(again)
  port1.postMessage('still there')
  again.start()
  assert.equal((await event).data, 'still there')
  // The second hop keeps the names as the first one turned them.
  assert.equal(JSON.parse(JSON.stringify(again)).rx, tx)
})

test('transfer disowns', () => {
  const port = IPCMessagePort.create()
  assert.equal(IPCMessagePort.transfer(port), port)
  assert.equal(IPCMessagePort.ports.has(port.id), false)
  assert.equal(port.closed, false)
})

test('dispatchEvent of a message inflates it, and passes others on', t => {
  const { port1 } = channel(t)
  const heard = []
  port1.addEventListener('message', event => heard.push(event.data))
  port1.addEventListener('x', event => heard.push(event))
  port1.dispatchEvent(new MessageEvent('message', { data: { __type__: 'Buffer', data: 'aGk=' } }))
  const event = new Event('x')
  port1.dispatchEvent(event)
  assert.equal(heard[0].toString(), 'hi')
  assert.equal(heard[1], event)
})

/** A channel that hears, and what it has heard. */
async function hearing (t, name, options) {
  const broadcast = new IPCBroadcastChannel(name, options)
  const heard = []
  broadcast.onmessage = ({ data }) => heard.push(data)
  await broadcast.startMessages()
  t.after(() => broadcast.close())
  return { broadcast, heard }
}

test('a broadcast reaches all others of its name, and not the sender', async t => {
  const [one, two, three, other] = await Promise.all([hearing(t, 'n'), hearing(t, 'n'), hearing(t, 'n'), hearing(t, 'm')])
  assert.ok(one.broadcast instanceof EventTarget)
  assert.equal(one.broadcast.name, 'n')
  await one.broadcast.postMessage({ a: 1 })
  await one.broadcast.postMessage(0)
  assert.deepEqual(two.heard, [{ a: 1 }, 0])
  assert.deepEqual(three.heard, two.heard)
  assert.deepEqual(one.heard, [])
  assert.deepEqual(other.heard, [])
})

test('origins keep broadcasts apart, and * is all', async t => {
  const a = await hearing(t, 'n', { origin: 'oro://a' })
  const b = await hearing(t, 'n', { origin: 'oro://b' })
  const all = await hearing(t, 'n', { origin: '*' })
  const sender = new IPCBroadcastChannel('n')
  t.after(() => sender.close())
  await sender.postMessage('to a', { origin: 'oro://a' })
  await sender.postMessage('to all', { origin: '*' })
  assert.deepEqual(a.heard, ['to a', 'to all'])
  assert.deepEqual(b.heard, ['to all'])
  assert.deepEqual(all.heard, ['to a', 'to all'])
  assert.equal(a.broadcast.key, new URL('n', 'oro://a').href)
})

test('a broadcast that starts twice hears once, and one that is closed nothing', async t => {
  const { broadcast, heard } = await hearing(t, 'n')
  await Promise.all([broadcast.startMessages(), broadcast.startMessages()])
  const sender = new IPCBroadcastChannel('n')
  await sender.postMessage(1)
  assert.deepEqual(heard, [1])
  broadcast.close()
  await sender.postMessage(2)
  assert.deepEqual(heard, [1])
  sender.close()
  await assert.rejects(sender.postMessage(3), { name: 'InvalidStateError' })
})

test('what is posted before a broadcast is closed arrives', async t => {
  const { heard } = await hearing(t, 'n')
  for (const isStarted of [true, false]) {
    const sender = new IPCBroadcastChannel('n')
    if (isStarted) await sender.startMessages()
    const posted = [sender.postMessage(1), sender.postMessage(2)]
    sender.close()
    await Promise.all(posted)
    assert.deepEqual(heard.splice(0), [1, 2])
  }
})

test('a message that cannot be sent fails, and later ones are sent', async t => {
  const { heard } = await hearing(t, 'n')
  const sender = new IPCBroadcastChannel('n')
  t.after(() => sender.close())
  await assert.rejects(sender.postMessage(() => {}), { name: 'DataCloneError' })
  await sender.postMessage('next')
  assert.deepEqual(heard, ['next'])
})

test('handlers of a broadcast are functions or null', () => {
  const broadcast = new IPCBroadcastChannel('n')
  for (const type of ['onmessage', 'onmessageerror', 'onerror']) {
    assert.equal(broadcast[type], null)
    const handler = () => {}
    broadcast[type] = handler
    assert.equal(broadcast[type], handler)
    broadcast[type] = 5
    assert.equal(broadcast[type], null)
  }
  broadcast.close()
})

test('a port of this realm goes to a worker by the platform\'s own postMessage', { timeout: 30_000 }, async t => {
  const { Worker } = require('node:worker_threads')
  const file = require('node:path').join(require('./package.js').folder, 'ipc.js')
  const worker = new Worker(`
    const { parentPort } = require('node:worker_threads')
    const { IPCMessagePort } = require(${JSON.stringify(file)})
    parentPort.once('message', ({ p }) => {
      const port = IPCMessagePort.from(p)
      port.onmessage = ({ data }) => port.postMessage({ back: data, same: port === p })
    })`, { eval: true })
  t.after(() => worker.terminate())
  const { port1, port2 } = new IPCMessageChannel()
  const heard = new Promise(resolve => { port1.onmessage = ({ data }) => resolve(data) })
  worker.postMessage({ p: port2 }, [port2])
  port1.postMessage('there')
  assert.deepEqual(await heard, { back: 'there', same: true })
  port1.close()
})

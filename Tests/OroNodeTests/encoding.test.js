// SPDX-License-Identifier: Apache-2.0
'use strict'
// What a program's own code does while a value is encoded, and what of a value can travel.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { load } = require('./package.js')
const { nodeHost } = require('./processes.js')
const { request, send, sendSync, write } = load('ipc.js')
const { connect, disconnect, openPort } = load('index.js')
const { encodeValue, encoded } = load('lib/value-encoder.js')
const { decodeValue } = load('lib/value-decoder.js')

function withHost (title, tests) {
  test(title, async t => {
    const host = await nodeHost(t)
    connect(host.hostName)
    t.after(disconnect)
    await tests(t, host)
  })
}

const next = port => new Promise(resolve => port.addEventListener('message', resolve, { once: true }))

/** What calls `inside` while it is encoded, in every place where a program's code runs, and what it is then. */
const nosy = inside => ({
  toJSON: [{ toJSON () { inside(); return 'x' } }, 'x'],
  getter: [{ get a () { inside(); return 'x' } }, { a: 'x' }],
  element: [Object.defineProperty(['x'], 0, { enumerable: true, get () { inside(); return 'x' } }), ['x']],
  proxy: [new Proxy({ a: 'x' }, { ownKeys (target) { inside(); return Reflect.ownKeys(target) } }), { a: 'x' }],
  key: [new Map([[{ [Symbol.toPrimitive] () { inside(); return 'k' } }, 'x']]), { k: 'x' }],
  toString: [new Map([[{ toString () { inside(); return 'k' } }, 'x']]), { k: 'x' }],
  iterator: [Object.assign(new Set(['x']), { [Symbol.iterator]: function * () { inside(); yield 'x' } }), ['x']],
  error: [Object.defineProperty(new Error('m'), 'a', { enumerable: true, get () { inside(); return 'x' } }), { message: 'm', a: 'x' }]
})

const fits = nested => ['before', nested, 'after', { more: [1, 2n, null] }]

test('a value that is encoded while another is has memory of its own', () => {
  const log = () => {
    const size = encodeValue({ deep: ['inner', 'x'.repeat(100_000), { a: 1 }] })
    assert.equal(decodeValue(Buffer.from(encoded().subarray(0, size))).deep[0], 'inner')
  }
  for (const [name, [value, expected]] of Object.entries(nosy(log))) {
    const size = encodeValue(fits(value))
    assert.deepEqual(decodeValue(Buffer.from(encoded().subarray(0, size))), fits(expected), name)
  }
})

test('a value whose encoding fails inside another leaves that as it was', () => {
  const circle = {}
  circle.circle = circle
  const value = { a: 1, get b () { assert.throws(() => encodeValue(circle)); return 2 }, c: 3 }
  const size = encodeValue(value)
  assert.deepEqual(decodeValue(encoded().subarray(0, size)), { a: 1, b: 2, c: 3 })
})

test('an array that changes while it is encoded is still an array', () => {
  const array = [1, { toJSON () { array.length = 1; return 2 } }, 3]
  let size = encodeValue(array)
  assert.deepEqual(decodeValue(encoded().subarray(0, size)), [1, 2, null])
  const lying = new Uint8Array(4)
  Object.defineProperty(lying, 'byteLength', { value: 2 })
  size = encodeValue([lying, 1])
  assert.equal(decodeValue(encoded().subarray(0, size))[1], 1)
})

withHost('each message is its own, whatever calls are made while it is encoded', async t => {
  const log = () => {
    assert.deepEqual(sendSync('echo', ['log', { a: 'x'.repeat(1000) }]).data, ['log', { a: 'x'.repeat(1000) }])
    request('echo', 'another')
  }
  for (const [name, [value, expected]] of Object.entries(nosy(log))) {
    await t.test(name, async () => {
      assert.deepEqual(sendSync('echo', fits(value)).data, fits(expected))
      for (const call of [send, request, write]) assert.deepEqual((await call('echo', fits(value))).data, fits(expected))
      assert.deepEqual((await request('echo', fits(value), { cache: true })).data, fits(expected))
    })
  }
})

withHost('a port gives nothing away for a message that is not sent', async t => {
  const { IPCMessageChannel } = load('ipc.js')
  const heard = async (port, other) => {
    other.onmessage = null
    const came = next(other)
    other.start()
    port.postMessage('still mine')
    return (await came).data
  }
  const port = openPort('echo')
  const wrong = [
    ['too long', channel => [['x'.repeat(70e6), channel.port2], [channel.port2]], Error],
    ['twice', channel => [channel.port2, [channel.port2, channel.port2]], { name: 'DataCloneError' }],
    ['junk in the list', channel => [channel.port2, [channel.port2, {}]], TypeError],
    ['no list', channel => [channel.port2, 5], TypeError],
    ['not clonable', channel => [[channel.port2, () => {}], [channel.port2]], { name: 'DataCloneError' }],
    ['a getter throws', channel => [{ port: channel.port2, get a () { throw new RangeError('mine') } }, [channel.port2]], { name: 'RangeError', message: 'mine' }]
  ]
  for (const [name, make, error] of wrong) {
    await t.test(name, async () => {
      const channel = new IPCMessageChannel()
      assert.throws(() => port.postMessage(...make(channel)), error)
      assert.equal(channel.port2.closed, false)
      assert.equal(await heard(channel.port2, channel.port1), 'still mine')
      channel.port1.close()
    })
  }
  const buffer = new ArrayBuffer(8)
  assert.throws(() => port.postMessage(buffer, [buffer, buffer]), { name: 'DataCloneError' })
  assert.equal(buffer.byteLength, 8)
  port.postMessage(buffer, new Set([buffer]))
  assert.equal(buffer.byteLength, 0)
  const came = next(port)
  port.start()
  assert.equal((await came).data.byteLength, 8)
  port.close()
})

withHost('what a port cannot carry is a DataCloneError', async () => {
  const port = openPort('echo')
  const long = []
  long.length = 5e7
  const values = [Object.assign([1], { name: 'x' }), new WeakRef({}), long, '\ud800', { '\ud800': 1, '\ud801': 2 }, (function * () {})()]
  for (const value of values) assert.throws(() => port.postMessage(value), { name: 'DataCloneError' })
  port.close()
})

withHost('40 000 posts at once cost no more each than a few', async () => {
  const port = openPort('count')
  const count = 40_000
  for (let i = 0; i < count; i++) port.postMessage(i)
  port.postMessage('how many')
  port.start()
  assert.equal((await next(port)).data, count)
  port.close()
})

withHost('a text with a zero character is a TypeError', async () => {
  assert.throws(() => openPort('room\0one'), TypeError)
  assert.equal((await request('ping', null, { headers: { a: 'b\0c' } })).err?.name, 'TypeError')
  const { Host } = load('host.js')
  assert.throws(() => new Host('a\0b'), TypeError)
  assert.throws(() => connect('a\0b'), TypeError)
})

withHost('many calls are one listener of their signal', async t => {
  const warned = []
  const listener = warning => warned.push(warning.name)
  process.on('warning', listener)
  t.after(() => process.off('warning', listener))
  const controller = new AbortController()
  const calls = Array.from({ length: 50 }, () => request('wait', { ms: 60_000 }, { signal: controller.signal }))
  await Promise.all(Array.from({ length: 50 }, () => request('ping', null, { signal: controller.signal })))
  controller.abort('enough')
  for (const { err } of await Promise.all(calls)) assert.equal(err.name, 'AbortError')
  await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(warned, [])
})

withHost('values say what they are as for JSON', async () => {
  class Copy {
    x = 1
    toJSON = () => ({ ...this })
  }
  const values = [
    new Copy(), { a: { toJSON () {} } }, [{ toJSON () {} }], { k: { toJSON (key) { return `the key ${key}` } } },
    [{ toJSON (key) { return `the index ${key}` } }], Object.assign([1], { toJSON: () => 'said' }), { toJSON: () => ({ toJSON: () => 1 }) }
  ]
  for (const value of values) assert.deepEqual(sendSync('echo', value).data, JSON.parse(JSON.stringify(value)))
})

withHost('kept results are those of one link, and bounded', async t => {
  const options = { cache: true }
  const { data } = await request('count', { kept: 1 }, options)
  for (let i = 0; i < 1024; i++) await request('echo', i, options)
  assert.notEqual((await request('count', { kept: 1 }, options)).data, data)
  const deep = { a: [Buffer.from('x'), { b: 2n }], ['__proto__']: 1 }
  await request('echo', deep, options)
  assert.deepStrictEqual((await request('echo', deep, options)).data, deep)
  const { data: again } = await request('count', { kept: 1 }, options)
  const other = await nodeHost(t)
  connect(other.hostName)
  assert.notEqual((await request('count', { kept: 1 }, options)).data, again)
})

withHost('an answer that came in time is the answer, however late the program looks', async () => {
  await request('ping')
  const answer = request('echo', 'in time', { timeout: 50 })
  const { hrtime } = process
  for (const end = hrtime.bigint() + 300_000_000n; hrtime.bigint() < end;) { /* busy */ }
  assert.equal((await answer).data, 'in time')
})

test('a decoder takes no more than an encoder may write', () => {
  const many = count => {
    const bytes = Buffer.alloc(9 + count, 0x05)
    bytes[0] = 0xda
    bytes.writeUInt32LE(count, 1)
    bytes.writeUInt32LE(count, 5)
    return bytes
  }
  assert.equal(decodeValue(many(1 << 20)).length, 1 << 20)
  assert.throws(() => decodeValue(many((1 << 20) + 1)), { name: 'EncodingError' })
  assert.throws(() => decodeValue(Buffer.concat([Buffer.from([0xc9, 0x01, 0x40]), Buffer.alloc(0x4001, 1)])), { name: 'EncodingError' })
  assert.throws(() => encodeValue(new Array((1 << 20) + 1)), TypeError)
  assert.throws(() => encodeValue([new Array(1 << 20)]), TypeError)
  const size = encodeValue(new Array(1 << 20).fill(1))
  assert.equal(decodeValue(encoded(), 0, size).length, 1 << 20)
  for (const length of [Infinity, -1, NaN, 5e9]) {
    assert.throws(() => encodeValue(new Proxy([1], { get: (target, key) => key === 'length' ? length : target[key] })), TypeError)
  }
})

test('what can be no host is refused at once', () => {
  const wrong = [{ fd: 0 }, { fd: 1 }, { fd: 2 }, { fd: -1 }, { fd: 1.5 }, { fd: '3' }, {}, { name: '' }, { name: 5 }, { name: 'a/b' }, { name: 'x'.repeat(65) }, '', 'fd:0', 'fd:x', null, undefined, 5, { name: 'a', fd: 3 }]
  for (const host of wrong) assert.throws(() => connect(host), TypeError, JSON.stringify(host))
})

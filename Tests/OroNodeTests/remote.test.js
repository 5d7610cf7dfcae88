// SPDX-License-Identifier: Apache-2.0
'use strict'
// Ports and broadcasts between processes: sections 16.8 and 17 of the module's description ("sane"), to hosts in Swift and in Node and to another client.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { test } = require('node:test')
const { load } = require('./package.js')
const { newName, nodeHost, program, swiftHost } = require('./processes.js')
const ipc = load('ipc.js')
const { connect, disconnect, meet, openPort } = load('index.js')
const { IPCBroadcastChannel, IPCMessageChannel, IPCMessagePort } = ipc

/** The next event of this name. */
const next = (target, type = 'message') => new Promise(resolve => target.addEventListener(type, resolve, { once: true }))

/** Runs tests with a host that all of them share. */
function withHost (title, start, tests) {
  test(title, async t => {
    const host = await start(t)
    const link = connect(host.hostName)
    t.after(disconnect)
    await tests(t, host, link)
  })
}

const cycle = { name: 'cycle' }
cycle.self = cycle
const shared = { a: 1 }
const error = new RangeError('far', { cause: { a: 1 } })
const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i * 7)
const values = [
  0, -5, 1.5, -0, NaN, 2 ** 40, '', 'grüße €', false, true, null, undefined, 1n, -(2n ** 70n), [1, , 3], [undefined, null], { a: undefined, b: [{}] }, // eslint-disable-line no-sparse-arrays
  new Date(0), new Map([[1, { a: new Set(['x']) }], [{ k: 1 }, 2]]), new Set([1, '1']), /a+/gi, Object(5), Object('x'), Object(false), Object(2n),
  new Float32Array([1.5, -2]), new Uint8Array([1, 2, 3]).subarray(1), new DataView(new ArrayBuffer(8), 2, 4), new ArrayBuffer(3), new ArrayBuffer(0),
  new BigUint64Array([5n]), new Uint8ClampedArray([300]), bytes, bytes.buffer, { one: bytes, two: new Uint16Array(3000), three: new Uint8Array(5) },
  Buffer.from('a buffer'), cycle, [shared, shared], error, JSON.parse('{"__proto__":5}'), Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`k${i}`, i]))
]

for (const [who, start] of [['a Swift host', swiftHost], ['a Node host', nodeHost]]) {
  withHost(`ports to ${who}`, start, async (t, host, link) => {
    await t.test('a port is what it is declared to be', async () => {
      const port = openPort('echo')
      assert.ok(port instanceof IPCMessagePort && port instanceof MessagePort && port instanceof EventTarget)
      assert.match(port.id, /^\d+$/)
      assert.equal(IPCMessagePort.ports.get(port.id), port)
      assert.deepEqual([port.started, port.closed, port.onmessage, port.onmessageerror], [false, false, null, null])
      assert.equal(IPCMessagePort.create({ id: port.id }), port)
      port.close()
      assert.deepEqual([port.closed, IPCMessagePort.ports.has(port.id)], [true, false])
      assert.equal(port.addEventListener('message', () => {}), false)
      assert.equal(port.dispatchEvent(new Event('x')), false)
      assert.equal(port.postMessage(1), undefined)
    })

    await t.test('every structured value comes back as it was', async () => {
      const port = openPort('echo')
      for (const value of values) {
        port.postMessage(value)
        port.start()
        const event = await next(port)
        assert.deepStrictEqual(event.data, value)
        assert.deepEqual(event.ports, [])
        if (ArrayBuffer.isView(value)) assert.equal(event.data.byteOffset, Buffer.isBuffer(value) ? event.data.byteOffset : value.byteOffset)
      }
      port.postMessage(new Date(NaN))
      assert.ok(Number.isNaN((await next(port)).data.getTime()))
      const [one, two] = (port.postMessage([shared, shared]), await next(port)).data
      assert.equal(one, two)
      one.a = 2
      assert.equal(shared.a, 1)
      port.postMessage(bytes)
      const copy = (await next(port)).data
      copy[0] = 99
      assert.notEqual(bytes[0], 99)
      port.close()
    })

    await t.test('what cannot be posted is a DataCloneError, and nothing is posted', async () => {
      const port = openPort('echo')
      const { port1, port2 } = new IPCMessageChannel()
      port1.close()
      const wrong = [
        [() => {}], [Symbol('x')], [{ deep: [() => {}] }], [new SharedArrayBuffer(4)], [Promise.resolve()], [{ port2 }], [1, [port]], [1, [port2, port2]], [1, [port1]],
        [Array.from({ length: 70 }).reduce(nested => [nested], 1)]
      ]
      for (const [value, list] of wrong) assert.throws(() => port.postMessage(value, list), { name: 'DataCloneError' })
      port.postMessage('fine')
      port.start()
      assert.equal((await next(port)).data, 'fine')
      port.close()
    })

    await t.test('messages wait until the port is started, and come in order, however many', async () => {
      const port = openPort('echo')
      // The Swift host says nothing where there is no room; the one in Node keeps it until there is.
      const count = start === nodeHost ? 5000 : 1000
      for (let i = 0; i < count; i++) port.postMessage(i)
      const heard = []
      port.onmessage = ({ data }) => heard.push(data)
      while (heard.length < count) await next(port)
      assert.deepEqual(heard, Array.from({ length: count }, (_, i) => i))
      // Those of the platform's emitters work, too.
      port.onmessage = null
      const told = new Promise(resolve => port.once('message', resolve))
      port.postMessage('told')
      assert.equal(await told, 'told')
      port.close()
    })

    await t.test('exactly the buffers that are listed are gone here', async () => {
      const port = openPort('echo')
      const [listed, other] = [new Uint8Array(5000).fill(7), new Uint8Array(5000).fill(8)]
      port.postMessage({ listed, other }, [listed.buffer])
      assert.deepEqual([listed.byteLength, other.byteLength], [0, 5000])
      port.start()
      const { data } = await next(port)
      assert.deepEqual([data.listed[4999], data.other[4999]], [7, 8])
      port.close()
    })

    await t.test('a port goes to the host and comes back, and still has its other end', async () => {
      const port = openPort('echo')
      port.start()
      const { port1, port2 } = new IPCMessageChannel()
      port1.postMessage('before')
      port.postMessage({ take: port2 }, { transfer: [port2] })
      assert.equal(IPCMessagePort.ports.has(port2.id), false)
      const event = await next(port)
      assert.equal(event.ports.length, 1)
      assert.equal(event.data.take, event.ports[0])
      const back = event.ports[0]
      assert.ok(back instanceof IPCMessagePort)
      back.start()
      assert.equal((await next(back)).data, 'before')
      back.postMessage(undefined)
      port1.start()
      assert.equal((await next(port1)).data, undefined)
      port1.close()
      await next(back, 'close')
      assert.equal(back.closed, true)
      port.close()
    })

    await t.test('what waits for room goes along with a port that is given away', async () => {
      const port = openPort('count')
      for (let i = 0; i < 3000; i++) port.postMessage(i)
      port.postMessage('how many')
      const carrier = openPort('echo')
      carrier.postMessage('take it', [port])
      carrier.start()
      const [back] = (await next(carrier)).ports
      back.start()
      assert.equal((await next(back)).data, 3000)
      back.postMessage('one more')
      back.postMessage('how many')
      assert.equal((await next(back)).data, 3001)
      back.close()
      carrier.close()
    })

    await t.test('a listener is one of its port and its type', async () => {
      const [one, other] = [openPort('echo'), openPort('echo')]
      const seen = []
      const hear = message => seen.push(message)
      one.on('message', hear).on('message', hear)
      other.on('message', hear).on('close', hear)
      one.off('message', hear)
      other.off('close', hear)
      one.once('message', hear).off('message', hear)
      one.once('message', hear)
      for (const port of [one, other]) for (const text of ['a', 'b']) port.postMessage(text)
      // Which of two ports has its messages first nobody says.
      while (seen.length < 3) await new Promise(resolve => setTimeout(resolve, 1))
      await new Promise(resolve => { one.addEventListener('message', resolve, { once: true }); one.postMessage('c') })
      assert.deepEqual(seen.sort(), ['a', 'a', 'b'])
      one.close()
      other.close()
    })

    await t.test('a name that nobody takes closes the port, and says why', async () => {
      const port = openPort('nobody takes this')
      port.start()
      assert.match((await next(port, 'close')).reason, /nobody|name/)
      assert.equal(port.closed, true)
      assert.throws(() => openPort(''), /name of a port/)
    })

    await t.test('broadcasts reach the others, not the sender, with every structured value', async () => {
      const [one, two, elsewhere] = [new IPCBroadcastChannel('n'), new IPCBroadcastChannel('n'), new IPCBroadcastChannel('n', { origin: 'oro://elsewhere' })]
      one.onmessage = () => assert.fail('the sender heard itself')
      const heard = []
      two.onmessage = ({ data }) => heard.push(data)
      elsewhere.onmessage = ({ data }) => heard.push(['elsewhere', data])
      await Promise.all([one, two, elsewhere].map(each => each.startMessages()))
      for (const value of values.slice(0, 20)) {
        const event = next(two)
        assert.deepStrictEqual(await one.postMessage(value), value)
        assert.deepStrictEqual((await event).data, value)
      }
      heard.length = 0
      await one.postMessage('there', { origin: 'oro://elsewhere' })
      await one.postMessage('all', { origin: '*' })
      // The two hear by ways of their own.
      while (heard.length < 3) await new Promise(resolve => setImmediate(resolve))
      assert.deepEqual(new Set(heard.map(String)), new Set(['elsewhere,there', 'elsewhere,all', 'all']))
      for (const each of [one, two, elsewhere]) each.close()
    })

    await t.test('two clients talk by ports and broadcasts, and hear of each other\'s end', async t => {
      const port = meet('table')
      const news = new IPCBroadcastChannel('news')
      const answers = []
      news.onmessage = ({ data }) => answers.push(data)
      await news.startMessages()
      const peer = program(t, 'peer.mjs', host)
      assert.equal(await peer.line(), 'ready')
      port.start()
      for (const value of values) {
        port.postMessage(value)
        assert.deepStrictEqual((await next(port)).data, value)
      }
      for (let i = 0; i < 3000; i++) port.postMessage(i)
      for (let i = 0; i < 3000; i++) assert.equal((await next(port)).data, i)
      // A port of this process goes there.
      const { port1, port2 } = new IPCMessageChannel()
      port.postMessage('take it', [port2])
      port1.postMessage({ x: 1 })
      port1.start()
      assert.deepEqual((await next(port1)).data, ['through', { x: 1 }])
      // One of that process comes here.
      port.postMessage({ make: true })
      const { made } = (await next(port)).data
      made.postMessage(5)
      made.start()
      assert.deepEqual((await next(made)).data, ['made', 5])
      // It goes on to a worker's kind of port, and is used there.
      const local = new IPCMessageChannel()
      local.port1.postMessage({ made }, [made])
      local.port2.start()
      const { made: moved } = (await next(local.port2)).data
      assert.ok(moved instanceof IPCMessagePort)
      moved.postMessage(6)
      moved.start()
      assert.deepEqual((await next(moved)).data, ['made', 6])
      const heard = next(news)
      await news.postMessage({ big: bytes })
      assert.deepEqual((await heard).data, ['heard', { big: bytes }])
      const [ended, throughEnded] = [next(port, 'close'), next(port1, 'close')]
      port.postMessage({ exit: true })
      await Promise.all([ended, throughEnded])
      assert.equal(await peer.ended, 3)
      local.port1.close()
      news.close()
    })

    await t.test('the end of the link is the end of its ports', async () => {
      const other = connect(host.hostName)
      const port = other.openPort('echo')
      port.start()
      const closed = next(port, 'close')
      other.close()
      await closed
      assert.equal(port.closed, true)
      assert.equal(port.postMessage(1), undefined)
    })
  })
}

withHost('a host in Node knows who opened a port', nodeHost, async (t, host) => {
  const port = openPort('who')
  port.start()
  assert.equal(typeof (await next(port)).data, 'bigint')
  await next(port, 'close')
})

test('a host that fixes the origin of a client decides whom it hears', { timeout: 60_000 }, async t => {
  const host = await swiftHost(t, newName(), ['--fixed-origin', 'oro://fixed'])
  connect(host.hostName)
  t.after(disconnect)
  // Whatever they say, they are of the same.
  const [one, two, other] = [new IPCBroadcastChannel('n'), new IPCBroadcastChannel('n'), new IPCBroadcastChannel('n', { origin: 'oro://other' })]
  const heard = [two, other].map(channel => next(channel))
  await Promise.all([one, two, other].map(each => each.startMessages()))
  await one.postMessage('to all of them')
  for (const event of heard) assert.equal((await event).data, 'to all of them')
  const again = next(two)
  await one.postMessage('to no other', { origin: 'oro://elsewhere' })
  assert.equal((await again).data, 'to no other')
  for (const each of [one, two, other]) each.close()
})

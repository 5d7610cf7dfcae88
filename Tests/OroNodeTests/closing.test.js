// SPDX-License-Identifier: Apache-2.0
'use strict'
// What clients hear when a host closes with requests and streams under way; and signals that misbehave.

const assert = require('node:assert/strict')
const path = require('node:path')
const { test } = require('node:test')
const { folder, load } = require('./package.js')
const { Process, newName } = require('./processes.js')
const { request, write } = load('ipc.js')
const { connect, disconnect, openPort, stream } = load('index.js')
const { Host } = load('host.js')

const wait = signal => new Promise((resolve, reject) => { signal.addEventListener('abort', () => reject(signal.reason)) })

/** A host in this process, with a client, and calls that are under way. */
async function busyHost (t) {
  const name = newName()
  const host = new Host(name)
  t.after(() => host.close())
  t.after(disconnect)
  let begun = 0
  let tellBegun
  const allBegun = new Promise(resolve => { tellBegun = resolve })
  const begin = () => { if (++begun === 3) tellBegun() }
  host.map('never', ({ signal }) => {
    begin()
    return wait(signal)
  })
  host.map('chunks', async function * ({ signal }) {
    yield 1
    begin()
    await wait(signal)
  })
  host.map('exit', () => {
    host.close()
    return 'closed'
  })
  connect(name)
  const calls = [
    request('never').then(({ err }) => err),
    write('never', null, new Blob(['body']).stream(), { duplex: 'half' }).then(({ err }) => err),
    (async () => {
      try {
        for await (const { data } of stream('chunks')) assert.equal(data, 1)
      } catch (error) {
        return error
      }
    })()
  ]
  await allBegun
  return { host, calls }
}

for (const how of ['outside', 'in a handler']) {
  test(`a host that is closed ${how} says so to all that wait`, { timeout: 60_000 }, async t => {
    const { host, calls } = await busyHost(t)
    if (how === 'outside') host.close()
    else calls.push(request('exit').then(({ err }) => err))
    for (const error of await Promise.all(calls)) {
      assert.equal(error?.name, 'NetworkError', String(error))
      // The link may be over before a stream has its end.
      assert.match(error.message, /^the host was closed before '(never|chunks|exit)' was answered$|^the peer is gone \(process \d+\): '(never|chunks|exit)' may have run$/)
    }
  })
}

test('a signal whose methods throw ends its call alone', { timeout: 60_000 }, async t => {
  const { calls } = await busyHost(t)
  const throwing = names => {
    const signal = new EventTarget()
    for (const name of names) Object.defineProperty(signal, name, { get () { throw new RangeError(name) } })
    return signal
  }
  for (const names of [['aborted'], ['addEventListener'], ['removeEventListener'], ['reason'], ['aborted', 'addEventListener', 'removeEventListener', 'reason']]) {
    const signal = throwing(names)
    const isSeen = !names.includes('removeEventListener') && !names.includes('reason')
    const { err, data } = await request('ping', null, { signal })
    if (names.length > 1 || isSeen) assert.equal(err?.name, 'RangeError', names.join())
    else assert.equal(data, 'pong', names.join())
    const { err: collected } = await write('ping', null, new Blob(['x']).stream(), { signal })
    if (collected) assert.equal(collected.name, 'RangeError')
    const reading = stream('ping', null, { signal })
    try {
      assert.equal((await reading.next()).value.data, 'pong')
      reading.cancel()
    } catch (error) {
      assert.equal(error.name, 'RangeError', names.join())
    }
    assert.equal((await request('ping')).data, 'pong')
  }
  // One listener of a signal serves all calls that have it: what one of them does concerns no other.
  const controller = new AbortController()
  const { signal } = controller
  const many = Array.from({ length: 12 }, () => request('never', null, { signal }))
  signal.removeEventListener = () => { throw new Error('not mine') }
  const read = stream('chunks', null, { signal })
  await read.next()
  controller.abort(new RangeError('enough'))
  for (const { err } of await Promise.all(many)) assert.deepEqual([err.name, err.cause.message], ['AbortError', 'enough'])
  await assert.rejects(read.next(), { name: 'AbortError' })
  let settled = 0
  for (const call of calls) call.then(() => { settled += 1 })
  assert.equal((await request('ping')).data, 'pong')
  assert.equal(settled, 0)
})

test('what clients send or take away ends no host', { timeout: 120_000 }, async t => {
  const name = newName()
  const host = new Process(t, process.execPath, [path.join(__dirname, 'programs', 'host.js'), name], { ORO_NODE_PACKAGE: folder })
  assert.equal(await host.line(), 'ready')
  let ended = null
  host.ended.then(code => { ended = code })
  connect(name)
  t.after(disconnect)
  const { IPCBroadcastChannel, IPCMessageChannel } = load('ipc.js')
  const heard = (port, count, answer = () => {}) => new Promise(resolve => {
    port.onmessage = event => {
      answer(event)
      if (--count === 0) resolve()
    }
  })
  const circle = new Error('circle')
  circle.cause = circle
  const deeds = {
    'a port that is posted back again and again' () {
      const port = openPort('echo')
      const { port2 } = new IPCMessageChannel()
      port.postMessage({ port2 }, [port2])
      return heard(port, 5, ({ ports }) => port.postMessage({ port: ports[0] }, [...ports])).then(() => port.close())
    },
    async 'a port whose other end is closed' () {
      const port = openPort('echo')
      const { port1, port2 } = new IPCMessageChannel()
      port.postMessage({ port2 }, [port2])
      port1.close()
      await heard(port, 1)
      port.close()
    },
    'ports that are closed at once' () {
      for (let i = 0; i < 100; i++) {
        const port = openPort('echo')
        port.postMessage(i)
        port.close()
      }
    },
    async 'a port to the host through another' () {
      const [port, other] = [openPort('echo'), openPort('echo')]
      port.postMessage({ other }, [other])
      await heard(port, 1, ({ ports }) => ports[0].postMessage('itself'))
      port.close()
    },
    async 'an error that is its own cause' () {
      const port = openPort('echo')
      port.postMessage(circle)
      await heard(port, 1, ({ data }) => assert.equal(data.cause, data))
      port.close()
      assert.equal((await request('echo', circle)).err, null)
      await request('fail', circle)
    },
    async 'streams that nobody reads' () {
      const streams = Array.from({ length: 10 }, () => stream('ticks', { count: 1e6, size: 10 }))
      for (const each of streams) await each.next()
      for (const each of streams) each.cancel()
    },
    async 'a body that fails' () {
      const body = (async function * () {
        yield 'x'
        throw new RangeError('in the middle')
      })()
      assert.equal((await request('body.count', null, { bytes: body, duplex: 'half' })).err.message, 'in the middle')
    },
    async 'parameters of the wrong kinds' () {
      const values = [undefined, null, 5, 'x', [], { ms: {} }, { count: 'x' }, { headers: 5 }, { headers: { 'a b': 1 } }, { name: 5 }, { name: '' },
        { name: 'x'.repeat(300) }, { message: {} }, { count: -1 }, { id: '__proto__', count: 2 }]
      for (const value of values) {
        for (const command of ['make', 'headers', 'headers.back', 'fail', 'throw', 'emit', 'emit.back', 'ticks', 'stream.count', 'with.bytes', 'body.hold', 'body.fail', 'row']) {
          await request(command, value, { signal: AbortSignal.timeout(5000) })
        }
      }
    },
    async 'links that are closed in the middle' () {
      for (let i = 0; i < 10; i++) {
        const link = connect(name)
        request('wait', { ms: 100_000 })
        openPort('echo').postMessage(1)
        stream('ticks', { count: 1000, size: 10 }).next().catch(() => {})
        if (i % 2) await link.ready
        link.close()
      }
      connect(name)
    },
    'broadcasts' () {
      const channel = new IPCBroadcastChannel('news')
      for (let i = 0; i < 100; i++) channel.postMessage({ i, circle })
      channel.close()
    }
  }
  for (const [deed, run] of Object.entries(deeds)) {
    await run()
    assert.equal((await request('ping')).data, 'pong', deed)
    assert.equal(ended, null, deed)
  }
})

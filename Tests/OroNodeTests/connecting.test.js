// SPDX-License-Identifier: Apache-2.0
'use strict'
// Links that are being made: nothing of it stops the event loop, what is asked meanwhile waits in order, and the limits of a call count from the
// call on.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const net = require('node:net')
const { once } = require('node:events')
const path = require('node:path')
const { test } = require('node:test')
const { setTimeout: pause } = require('node:timers/promises')
const { load } = require('./package.js')
const { Process, newName, nodeHost, program } = require('./processes.js')
const { folder } = require('./package.js')
const ipc = load('ipc.js')
const { connect, disconnect, errors, meet, openPort, stream } = load('index.js')
const { Host } = load('host.js')

/** A host that has been stopped, so that nobody is answered. */
async function stoppedHost (t) {
  const host = await nodeHost(t)
  host.child.kill('SIGSTOP')
  return host
}

for (const [verb, limit] of [['request', 'timeout'], ['send', 'timeout'], ['write', 'timeout'], ['stream', 'timeout'], ['port', 'timeout'], ['request', 'signal']]) {
  test(`the ${limit} of a first ${verb} counts from the call on, and the event loop goes on`, { timeout: 60_000 }, async t => {
    const host = await stoppedHost(t)
    const asker = new Process(t, process.execPath, [path.join(__dirname, 'programs', 'first-call.mjs'), verb, limit], { ORO_IPC_HOST: host.hostName, ORO_NODE_PACKAGE: folder })
    const [name, took, turns, longest] = (await asker.line()).split(' ')
    console.log(`# first ${verb} to a stopped host, ${limit} of 300 ms: ended after ${took} ms, ${turns} timers meanwhile, longest stop ${longest} ms`)
    assert.equal(name, 'TimeoutError')
    // With a blocked loop there would be none.
    assert.ok(Number(turns) > 3, turns)
    assert.equal(await asker.ended, 0)
  })
}

test('what is asked before the link is there waits, in order, as it was', { timeout: 60_000 }, async t => {
  const host = await stoppedHost(t)
  const link = connect(host.hostName)
  t.after(disconnect)
  assert.ok(link.isConnecting)
  assert.equal(link.statistics.pending, link.pending)
  const value = { list: [1] }
  const bytes = Buffer.from('first')
  const echoed = ipc.request('echo', value)
  const sent = ipc.write('bytes', null, bytes)
  const counts = Promise.all(Array.from({ length: 20 }, () => ipc.send('count')))
  value.list.push(2)
  bytes.fill('x')
  const port = openPort('echo')
  const heard = []
  const all = new Promise(resolve => port.addEventListener('message', ({ data, ports }) => {
    heard.push([data, ports.length])
    if (heard.length === 4) resolve()
  }))
  const buffer = new Uint8Array([1, 2, 3]).buffer
  const { port1, port2 } = new ipc.IPCMessageChannel()
  const message = { n: 2 }
  port.postMessage(1)
  port.postMessage(message)
  message.n = 3
  port.postMessage(buffer, [buffer])
  port.postMessage({ port: port2 }, [port2])
  assert.equal(buffer.byteLength, 0)
  assert.throws(() => port.postMessage(() => {}), { name: 'DataCloneError' })
  assert.throws(() => port.postMessage(port, [port]), { name: 'DataCloneError' })
  assert.throws(() => openPort('a\0b'), TypeError)
  port.start()
  const passing = openPort('echo')
  // A port that is not there either goes along.
  port.postMessage({ passing }, [passing])
  const [left, right] = [meet('table'), meet('table')]
  left.postMessage('over the table')
  const met = once(right, 'message')
  right.start()
  const chunks = (async () => {
    const read = []
    for await (const { data } of stream('ticks', { count: 3, size: 2 })) read.push(data)
    return read
  })()
  const body = ipc.request('body.count', null, { bytes: new Blob(['some', 'body']).stream(), duplex: 'half' })
  const channels = [new ipc.IPCBroadcastChannel('early'), new ipc.IPCBroadcastChannel('early')]
  const broadcast = new Promise(resolve => { channels[1].onmessage = ({ data }) => resolve(data) })
  const posted = channels[1].startMessages().then(() => channels[0].postMessage({ news: 1 }))
  const given = ipc.request('echo', 'not wanted', { signal: AbortSignal.abort('no') })
  const controller = new AbortController()
  const later = ipc.request('echo', 'given up', { signal: controller.signal })
  controller.abort('changed my mind')

  for (const { err } of await Promise.all([given, later])) assert.equal(err.name, 'AbortError')
  assert.equal((await later).err.cause, 'changed my mind')
  assert.ok(link.isConnecting)
  host.child.kill('SIGCONT')

  assert.equal(await link.ready, link)
  assert.equal(link.isConnecting, false)
  assert.deepEqual((await echoed).data, { list: [1] })
  assert.equal(String((await sent).data), 'first')
  assert.deepEqual((await counts).map(({ data }) => data), Array.from({ length: 20 }, (_, i) => i + 1))
  await all
  assert.deepEqual(heard.slice(0, 2), [[1, 0], [{ n: 2 }, 0]])
  assert.deepEqual(heard[2][0], new Uint8Array([1, 2, 3]).buffer)
  assert.equal(heard[3][1], 1)
  const back = once(port1, 'message')
  port1.start()
  heard[3][0].port.postMessage('through the host')
  assert.equal((await back)[0].data ?? (await back)[0], 'through the host')
  assert.equal((await met)[0].data ?? (await met)[0], 'over the table')
  assert.deepEqual(await chunks, [{ i: 0 }, Buffer.alloc(2, 1), { i: 2 }])
  assert.deepEqual((await body).data.count, 8)
  await posted
  assert.deepEqual(await broadcast, { news: 1 })
  for (const each of [port, port1, left, right]) each.close()
  for (const channel of channels) channel.close()
  assert.equal(ipc.primordials.platform, 'linux')
})

test('a message that is too long is refused before the link is there, and says by which limit', { timeout: 60_000 }, async t => {
  const host = await stoppedHost(t)
  const link = connect(host.hostName)
  t.after(disconnect)
  const port = openPort('echo')
  const long = 'x'.repeat((64 << 20) + (64 << 10))
  const isTooLong = error => error instanceof RangeError && error.status === 'OROIPC_TOO_LARGE' && /a message of \d+ bytes is over the limit of 67174400 \((the peer's )?LinkLimits\.messageBytes\)/.test(error.message)
  assert.throws(() => port.postMessage(long), isTooLong)
  host.child.kill('SIGCONT')
  await link.ready
  // The same is said when it is there.
  assert.throws(() => port.postMessage(long), isTooLong)
  const heard = once(port, 'message')
  port.start()
  port.postMessage('short')
  assert.equal((await heard)[0].data ?? (await heard)[0], 'short')
  port.close()
})

test('a link that is closed before it is there ends all that waits for it', { timeout: 60_000 }, async t => {
  const host = await stoppedHost(t)
  const link = connect(host.hostName)
  t.after(disconnect)
  let ended = 0
  link.onend = () => { ended += 1 }
  const call = ipc.request('ping')
  const read = stream('ticks', { count: 1 }).next()
  const port = openPort('echo')
  const closed = once(port, 'close')
  port.start()
  port.postMessage('never')
  disconnect()
  assert.equal((await call).err.name, 'NetworkError')
  await assert.rejects(read, errors.NetworkError)
  await closed
  await assert.rejects(link.ready, errors.NetworkError)
  assert.equal(ended, 1)
  assert.equal(link.pending, 0)
})

test('a host that hangs up during the handshake', async t => {
  const folderOf = fs.mkdtempSync('/tmp/oro-node-test-')
  fs.chmodSync(folderOf, 0o700)
  t.after(() => fs.rmSync(folderOf, { recursive: true }))
  const server = net.createServer(socket => socket.destroy()).listen(path.join(folderOf, 'rude'))
  t.after(() => server.close())
  await once(server, 'listening')
  t.after(disconnect)
  // Not a socket of packets: that is known at once, or with the first answer.
  let error
  try {
    const link = connect({ name: 'rude', folder: folderOf })
    error = (await ipc.request('ping')).err
    assert.ok(link.ending)
  } catch (thrown) {
    error = thrown
  }
  assert.equal(error.name, 'NetworkError')
  assert.match(error.message, /'rude'/)
})

test('sendSync blocks while the link is made, as long as its timeout says', { timeout: 60_000 }, async t => {
  const host = await stoppedHost(t)
  connect(host.hostName)
  t.after(disconnect)
  const { err } = ipc.sendSync('ping', null, { timeout: 100 })
  assert.deepEqual([err.name, err.message], ['TimeoutError', 'ipc.sendSync timed out'])
  const first = ipc.request('count')
  host.child.kill('SIGCONT')
  // What was asked before goes before.
  assert.equal(ipc.sendSync('count').data, 2)
  assert.equal((await first).data, 1)
})

test('a host and a client of one thread', { timeout: 60_000 }, async t => {
  const name = newName()
  const host = new Host(name)
  t.after(() => host.close())
  t.after(disconnect)
  host.map('ticks', async function * () { yield 1; yield 2 })
  host.acceptPorts('echo', port => { port.onmessage = ({ data }) => port.postMessage(data) })
  for (const to of [name, { fd: host.makePeer() }]) {
    const link = connect(to)
    const { err } = ipc.sendSync('ping', null, { timeout: 60_000 })
    assert.equal(err.name, 'InvalidStateError')
    assert.match(err.message, /request\(\)/)
    assert.equal((await ipc.request('ping')).data, 'pong')
    assert.equal(ipc.sendSync('ping').err.name, 'InvalidStateError')
    const chunks = []
    for await (const { data } of stream('ticks')) chunks.push(data)
    assert.deepEqual(chunks, [1, 2])
    const port = openPort('echo')
    const back = once(port, 'message')
    port.start()
    port.postMessage('hello')
    const [event] = await back
    assert.equal(event.data ?? event, 'hello')
    port.close()
    await link.ready
  }
})

test('a descriptor that leads to no host is refused, and stays open', async t => {
  const file = fs.openSync(__filename)
  t.after(() => fs.closeSync(file))
  for (const fd of [0, 1, 2, -1, 1.5, NaN, Infinity, 2 ** 31, '3', file, 1_000_000]) {
    assert.throws(() => connect({ fd }), TypeError, String(fd))
    assert.throws(() => connect(`fd:${fd}`), TypeError, String(fd))
  }
  assert.ok(fs.fstatSync(file).isFile())
})

test('a host that is not there, or cannot be, is an error at once', () => {
  for (const name of ['', 'a/b', 'a b', 'x'.repeat(65), 'a\0b']) assert.throws(() => connect(name), TypeError, JSON.stringify(name))
  assert.throws(() => connect(newName()), { name: 'NetworkError', status: 'OROIPC_NOT_LISTENING' })
})

test('loading the module does not wait for a host that does not take the link', { timeout: 60_000 }, async t => {
  const host = await stoppedHost(t)
  const asker = program(t, 'imports.js', host)
  assert.equal(await asker.line(), 'loaded 0')
  host.child.kill('SIGCONT')
  asker.child.stdin.write('\n')
  assert.equal(await asker.line(), 'pong')
  asker.child.stdin.end()
  assert.equal(await asker.ended, 0)
})

test('a process that only names a host that does not answer ends', { timeout: 60_000 }, async t => {
  const host = await stoppedHost(t)
  const text = `require(${JSON.stringify(path.join(folder, 'index.js'))}).connect(${JSON.stringify(host.hostName)}); console.log('ends')`
  const namer = new Process(t, process.execPath, ['-e', text])
  assert.equal(await namer.line(), 'ends')
  assert.equal(await namer.ended, 0)
})

for (const [way, command] of [['exit', 'wait'], ['exit', 'echo'], ['terminate', 'wait'], ['terminate', 'echo']]) {
  test(`${way} of a worker that waits in sendSync for ${command}`, { timeout: 60_000 }, async t => {
    const waiter = program(t, 'blocked-worker.mjs', await nodeHost(t), [way, command])
    assert.equal(await waiter.line(), way === 'exit' ? 'exits' : 'ended 1 pong')
    assert.equal(await waiter.ended, way === 'exit' ? 7 : 0)
  })
}

test('a worker that waits for its link may be terminated', { timeout: 60_000 }, async t => {
  const host = await stoppedHost(t)
  const { Worker } = require('node:worker_threads')
  const text = `const { connect } = require(${JSON.stringify(path.join(folder, 'index.js'))})
    const { sendSync } = require(${JSON.stringify(path.join(folder, 'ipc.js'))})
    connect(${JSON.stringify(host.hostName)})
    require('node:worker_threads').parentPort.postMessage('connects')
    sendSync('ping')`
  const worker = new Worker(text, { eval: true })
  await once(worker, 'message')
  await pause(50)
  assert.equal(await worker.terminate(), 1)
})

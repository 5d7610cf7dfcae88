// SPDX-License-Identifier: Apache-2.0
'use strict'
// Nothing a handler, an acceptor or a listener of a host returns or throws ends its host, or leaves a client waiting.

const assert = require('node:assert/strict')
const path = require('node:path')
const { test } = require('node:test')
const { folder, load } = require('./package.js')
const { Process, newName } = require('./processes.js')
const { request, sendSync } = load('ipc.js')
const { connect, disconnect, openPort } = load('index.js')
const { Host } = load('host.js')

async function badHost (t) {
  const name = newName()
  const file = path.join(__dirname, 'programs', 'bad-handlers.js')
  const host = new Process(t, process.execPath, ['--no-warnings', file, name], { ORO_NODE_PACKAGE: folder })
  assert.equal(await host.line(), 'ready')
  connect(name)
  t.after(disconnect)
  return host
}

test('whatever a handler returns or throws is an answer', async t => {
  const host = await badHost(t)
  let ended = null
  host.ended.then(code => { ended = code })
  const { data: names } = await request('names')
  assert.ok(names.length > 20)
  // The deadline is far: who waits until then was not answered.
  const options = { timeout: 20_000 }
  for (const way of ['return', 'throw', 'later', 'reject', 'chunk', 'streamThrow']) {
    for (const name of names) {
      const { err } = await request(`${way}.${name}`, null, options)
      assert.notEqual(err?.name, 'TimeoutError', `${way}.${name}`)
      assert.equal(ended, null, `${way}.${name} has ended the host`)
      if (way === 'throw' || way === 'reject') assert.ok(err instanceof Error, `${way}.${name}`)
    }
  }
  for (const name of ['hostile', 'circle', 'throwingThen', 'toJSONThrows', 'getterThrows', 'bigint', 'tooLong', 'badHeaders']) {
    assert.ok((await request(`return.${name}`, null, options)).err, name)
  }
  assert.equal((await request('return.thenTwice')).data, 'once')
  assert.equal((await request('return.thenOfThen')).data, 'inner')
  assert.equal((await request('return.getterThrows')).err.name, 'RangeError')
  const { err: far } = await request('throw.vmError')
  assert.deepEqual([far.constructor, far.message], [RangeError, 'far'])
  const { err: said } = await request('throw.bad')
  assert.deepEqual([said.message, said.code, said.self, said.circle], ['said', 'CODE', undefined, undefined])
  assert.equal(sendSync('ping').data, 'pong')
})

for (const name of ['throws', 'rejects']) {
  test(`an acceptor that ${name} closes its port, and no more`, async t => {
    await badHost(t)
    const port = openPort(name)
    const closed = new Promise(resolve => port.addEventListener('close', resolve, { once: true }))
    port.start()
    await closed
    assert.equal((await request('ping')).data, 'pong')
  })
}

for (const name of ['listens', 'listensLater']) {
  test(`a listener that throws hears the next message: ${name}`, async t => {
    await badHost(t)
    const port = openPort(name)
    for (const message of ['one', 'two']) {
      const came = new Promise(resolve => port.addEventListener('message', resolve, { once: true }))
      port.start()
      port.postMessage(message)
      assert.equal((await came).data, message)
    }
    port.close()
    assert.equal((await request('ping')).data, 'pong')
  })
}

test('a handler that closes its host among others of the same batch', async t => {
  const name = newName()
  const program = `
    const { Host } = require('./host.js')
    const host = new Host('${name}')
    host.map('quit', () => { host.close() })
    host.map('work', () => 1)
    console.log('ready')`
  const host = new Process(t, process.execPath, ['-e', program.replaceAll('./host.js', path.join(folder, 'host.js'))])
  assert.equal(await host.line(), 'ready')
  connect(name)
  t.after(disconnect)
  const results = await Promise.all(['work', 'quit', ...Array(50).fill('work')].map(command => request(command)))
  assert.deepEqual(results.filter(({ err, data }) => data !== 1 && !['NetworkError', 'InternalError'].includes(err?.name)), [])
  assert.equal(await host.ended, 0)
})

test('a host is closed once, however often it is asked to', () => {
  const host = new Host(newName())
  host.close()
  host.close()
})

// SPDX-License-Identifier: Apache-2.0
'use strict'
// Sections 1 and 11 of the module's description as far as they need no host: how the module is found, and what calls give without one.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const path = require('node:path')
const { test } = require('node:test')
const { promisify } = require('node:util')
const { folder, load } = require('./package.js')
const ipc = load('ipc.js')

const run = promisify(execFile)

/** What a program prints that has the hook. */
async function printed (text, kind = 'module', env = {}) {
  const args = ['--import', path.join(folder, 'register.js'), `--input-type=${kind}`, '-e', text]
  const { ORO_IPC_HOST, ...rest } = process.env
  const { stdout } = await run(process.execPath, args, { env: { ...rest, ...env } })
  return stdout.trim()
}

test('oro:ipc can be imported and required, and is one module', async () => {
  assert.equal(await printed(`
    import ipc, { send, Message } from 'oro:ipc'
    import * as namespace from 'oro:ipc'
    import { createRequire } from 'node:module'
    const required = createRequire(import.meta.url)('oro:ipc')
    console.log(ipc === namespace, ipc.default === ipc, Object.keys(ipc).length, required.send === send, required.Message === Message)
  `), 'true true 28 true true')
})

test('oro:ipc can be required by a CommonJS program', async () => {
  assert.equal(await printed("console.log(typeof require('oro:ipc').sendSync)", 'commonjs'), 'function')
})

test('oro:ipc can be imported in a worker', async () => {
  assert.equal(await printed(`
    import { Worker } from 'node:worker_threads'
    const worker = new Worker(new URL("data:text/javascript,import ipc from 'oro:ipc'; console.log(ipc.TIMEOUT)"))
    await new Promise(resolve => worker.once('exit', resolve))
  `), '32000')
})

test('debug.log prints only when the program asked for it at its start', async () => {
  const text = "import { debug } from 'oro:ipc'; debug.log('said'); console.log(debug.enabled)"
  assert.equal(await printed(text), 'false')
  assert.equal(await printed(text, 'module', { ORO_DEBUG_IPC: '1' }), 'said\ntrue')
})

const calls = {
  send: () => ipc.send('a.b', 1),
  request: () => ipc.request('a.b', 1),
  write: () => ipc.write('a.b', 1, 'bytes'),
  sendSync: () => ipc.sendSync('a.b', 1)
}

for (const [name, call] of Object.entries(calls)) {
  test(`${name} without a host gives a result with a NetworkError`, async () => {
    const result = await call()
    assert.ok(result instanceof ipc.Result)
    assert.equal(result.err.name, 'NetworkError')
    assert.equal(result.err.code, 'NETWORK_ERR')
    assert.match(result.err.message, /ORO_IPC_HOST/)
    assert.equal(result.source, 'a.b')
    assert.equal(result.data, null)
  })
}

for (const command of ['x?a=1', 'a b', '', 'ü', 'a/b', 'x'.repeat(256), 5, null]) {
  test(`${JSON.stringify(command)?.slice(0, 12)} is no command, and nothing is sent`, async () => {
    for (const call of [ipc.send, ipc.request, ipc.write, ipc.sendSync]) {
      assert.equal((await call(command)).err.name, 'TypeError')
    }
  })
}

test('a signal that is aborted already ends a call before it begins', async () => {
  const { err, source } = await ipc.request('a.b', 1, { signal: AbortSignal.abort('why') })
  assert.equal(err.name, 'AbortError')
  assert.equal(err.message, 'why')
  assert.equal(source, 'a.b')
})

test('connect says why it cannot', () => {
  const { connect } = load('index.js')
  assert.throws(() => connect({}), TypeError)
})

/** With a handler of the realm for calls of extensions. */
async function withExtension (handler, body) {
  globalThis.__global_ipc_extension_handler = handler
  try {
    await body()
  } finally {
    delete globalThis.__global_ipc_extension_handler
  }
}

test('calls go to the handler of the realm: fs.* and by option', async () => {
  const asked = []
  await withExtension((...args) => { asked.push(args); return '{"data":{"a":1}}' }, async () => {
    assert.deepEqual((await ipc.send('fs.stat', { path: 'x' })).data, { a: 1 })
    assert.deepEqual((await ipc.write('fs.write', { a: 1 }, 'body')).data, { a: 1 })
    assert.equal((await ipc.request('other')).err.name, 'NetworkError')
    assert.deepEqual((await ipc.request('other', 1, { useExtensionIPCIfAvailable: true })).data, { a: 1 })
    assert.equal(ipc.sendSync('fs.stat').err.name, 'NetworkError')
    assert.deepEqual(ipc.sendSync('fs.stat', 1, { useExtensionIPCIfAvailable: true }).data, { a: 1 })
  })
  assert.match(asked[0][0], /^ipc:\/\/fs\.stat\?path=x&index=0&seq=R\d+&runtime-frame-type=top-level$/)
  assert.match(asked[1][0], /^ipc:\/\/fs\.write\/\?a=1&index=0&seq=R\d+&nonce=\d+&/)
  assert.equal(asked[1][1], 'body')
})

test('what such a handler throws is the error of the result', async () => {
  for (const thrown of [new RangeError('r'), 'r']) {
    await withExtension(() => { throw thrown }, async () => {
      const { err, source } = await ipc.send('fs.stat')
      assert.equal(err.message, 'r')
      assert.equal(source, null)
    })
  }
})

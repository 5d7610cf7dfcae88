// SPDX-License-Identifier: Apache-2.0
'use strict'
// Whole programs: memory, Buffers over shared memory, the host's death, the end of the process, workers, and hosts in Node as Swift
// programs see them. ORO_NODE_CALLS sets how many calls are made for the test of memory.

const assert = require('node:assert/strict')
const { execFile, spawn } = require('node:child_process')
const path = require('node:path')
const { test } = require('node:test')
const { promisify } = require('node:util')
const { folder, load, root } = require('./package.js')
const { newName, nodeHost, program, swiftHost } = require('./processes.js')
const { Host } = load('host.js')

const calls = Number(process.env.ORO_NODE_CALLS ?? 100_000)

test(`memory does not grow with ${calls} calls`, async t => {
  const host = await swiftHost(t)
  const caller = program(t, 'many-calls.mjs', host, [calls], ['--expose-gc'])
  const [grown, heap, handles] = (await caller.line()).split(' ').map(Number)
  console.log(`# ${calls} calls: ${grown} KiB more after the second half, ${heap} KiB of them in the heap`)
  // What one call left behind would be felt: a kilobyte each is 50 MiB and more, and one object each 1 MiB and more.
  assert.ok(grown < 16 * 1024, `${grown} KiB`)
  assert.ok(heap < 1024, `${heap} KiB in the heap`)
  assert.equal(handles, 0)
  const [descriptors, moreMemory, moreHeap, moreHandles] = (await caller.line()).split(' ').map(Number)
  console.log(`# 300 links: ${descriptors} descriptors, ${moreMemory} KiB, ${moreHeap} KiB in the heap`)
  assert.ok(descriptors < 10, `${descriptors} descriptors`)
  assert.ok(moreHeap < 1024, `${moreHeap} KiB in the heap`)
  assert.equal(moreHandles, 0)
  assert.equal(await caller.ended, 0)
})

test('10 000 Buffers are held over the host\'s memory, and go back when they are collected', async t => {
  const host = await swiftHost(t)
  const holder = program(t, 'buffers.mjs', host, [10_000], ['--expose-gc'])
  const [held, out] = (await holder.line())?.split(' ').map(Number) ?? []
  assert.equal(held, 10_000)
  assert.ok(out >= 10_000, `${out} blocks are out`)
  assert.equal(await holder.line(), 'dropped')
  assert.equal(await holder.ended, 0)
})

for (const option of [undefined, 'copy']) {
  test(`Buffers may be written to, and nothing of them is left behind (${option ?? 'as they come'})`, { timeout: 120_000 }, async t => {
    const host = await swiftHost(t)
    const writer = program(t, 'written-buffers.mjs', host, [5000, ...option ? [option] : []], ['--expose-gc'])
    assert.equal(await writer.line(), 'written')
    assert.equal(await writer.line(), '5000 true true')
    assert.equal(await writer.ended, 0)
  })
}

test('a Buffer over the host\'s memory cannot be written to', { timeout: 60_000 }, async t => {
  const writer = program(t, 'written-buffers.mjs', await swiftHost(t), [1, 'readOnly'])
  assert.equal(await writer.line(), undefined)
  assert.equal(await writer.ended, 'SIGSEGV')
})

test('a host that is killed fails what is pending, and is found again when it is back', async t => {
  const host = await nodeHost(t)
  const asker = program(t, 'pending.mjs', host)
  assert.equal(await asker.line(), 'pending')
  await host.kill()
  assert.equal(await asker.line(), '1 NetworkError 1000')
  assert.equal(await asker.line(), 'NetworkError')
  assert.equal(await asker.line(), 'waiting')
  await nodeHost(t, host.hostName)
  asker.child.stdin.write('again\n')
  assert.equal(await asker.line(), 'pong')
  assert.equal(await asker.ended, 0)
})

test('a program ends when nothing is pending', async t => {
  const talker = program(t, 'exits.mjs', await nodeHost(t))
  assert.equal(await talker.line(), 'exit')
  assert.equal(await talker.ended, 0)
})

test('workers have links of their own, and may be ended in the middle', async t => {
  const program_ = program(t, 'workers.mjs', await nodeHost(t))
  assert.equal(await program_.line(), [1, 2, 3, 4].map(i => 2001 * i).join(' '))
  assert.equal(await program_.line(), 'pong pong')
  assert.equal(await program_.ended, 0)
})

test('a child process talks over a descriptor that its parent made', async t => {
  const host = new Host()
  t.after(() => host.close())
  const descriptor = host.makePeer()
  const text = "import { sendSync } from 'oro:ipc'; console.log(sendSync('ping').data)"
  const child = spawn(process.execPath, ['--import', path.join(folder, 'register.js'), '--input-type=module', '-e', text],
    { stdio: ['ignore', 'pipe', 'inherit', descriptor], env: { ...process.env, ORO_IPC_HOST: 'fd:3' } })
  let said = ''
  for await (const part of child.stdout) said += part
  assert.equal(said, 'pong\n')
})

test('the name of a host is its own while it lives', t => {
  const name = newName()
  const host = new Host(name)
  assert.throws(() => new Host(name), { name: 'NetworkError', status: 'OROIPC_NAME_TAKEN' })
  host.close()
  new Host(name).close()
})

const tool = process.env.ORO_TOOL ?? path.join(root, '.build', 'release', 'oro-ipc')
const run = promisify(execFile)

test('a Swift program gets data, errors and streams of a host in Node', async t => {
  const { hostName } = await nodeHost(t)
  assert.equal((await run(tool, ['request', hostName, 'echo', '{"a":[1,"x"]}'])).stdout.trim().replace(/\s/g, ''), '{"a":[1,"x"]}')
  await assert.rejects(run(tool, ['request', hostName, 'throw', '{"message":"m"}']), /RangeError: m/)
  const { stdout } = await run(tool, ['stream', hostName, 'ticks', '{"count":50,"size":3}'])
  assert.ok(stdout.includes('"i":48') || stdout.includes('"i": 48'), stdout)
})

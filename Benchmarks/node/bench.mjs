// SPDX-License-Identifier: Apache-2.0
// Calls from Node beside what Node has itself, in one run: the ways take turns, a block each, and a figure is the median over all.
//
//   node Benchmarks/node/bench.mjs [--json] [--blocks N] [--swift oro-test-peer]
//
// The package is what tools/build-node made. The other side is Node in another process, or thread; with --swift also a host
// in Swift. Each answers with what it got (64 bytes), or with nothing when it has read a byte of each page (1 MiB).

import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

const require = createRequire(import.meta.url)
const here = path.dirname(fileURLToPath(import.meta.url))
const folder = process.env.ORO_NODE_PACKAGE ?? path.join(here, '..', '..', '.build', 'node', 'oro-ipc')
const { connect } = require(path.join(folder, 'index.js'))
const { send, sendSync, write } = require(path.join(folder, 'ipc.js'))
const { readFrames, frame } = require('./frames.cjs')

const option = (name, otherwise) => process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : otherwise
const blocks = Number(option('--blocks', 15))
const swift = option('--swift', null)
const name = `node-bench-${process.pid}`
const peerFile = path.join(here, 'peer.cjs')
const socket = path.join(os.tmpdir(), `${name}.sock`)

const small = Buffer.alloc(64, 7)
const large = Buffer.alloc(1 << 20, 7)
const ended = []

/** A process of ours, once it has said that it is ready. */
async function started (child) {
  ended.push(() => child.kill())
  await once(child.stdout ?? child, child.stdout ? 'data' : 'message')
  return child
}

/** One message there and back: `post` sends it, `target` gets the answers. */
function waysOf (post, listen) {
  let done = null
  listen(() => done())
  return bytes => new Promise(resolve => { done = resolve; post(bytes) })
}

async function ways () {
  const host = await started(spawn(process.execPath, [peerFile, 'host', name], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ORO_NODE_PACKAGE: folder } }))
  const link = connect(name)
  const child = await started(fork(peerFile, ['child'], { serialization: 'advanced' }))
  const server = await started(spawn(process.execPath, [peerFile, 'socket', socket], { stdio: ['ignore', 'pipe', 'inherit'] }))
  const stream = net.connect(socket)
  const worker = new Worker(peerFile, { argv: ['worker'] })
  ended.push(() => worker.terminate(), () => stream.destroy(), () => link.close(), () => rmSync(socket, { force: true }))
  void host, server
  const ask = async (verb, bytes) => {
    const { err } = await verb(bytes)
    if (err) throw err
  }
  return {
    'oro-ipc': { send: bytes => ask(bytes => send('echo', undefined, { bytes }), bytes), write: bytes => ask(bytes => write('take', undefined, bytes), bytes), sync: bytes => sendSync('echo', undefined, null, bytes) },
    'child_process IPC': { send: waysOf(bytes => child.send(bytes), heard => child.on('message', heard)) },
    'Unix socket': { send: waysOf(bytes => stream.write(frame(bytes)), heard => readFrames(stream, heard)) },
    'worker MessagePort': { send: waysOf(bytes => worker.postMessage(bytes), heard => worker.on('message', heard)) }
  }
}

/** Microseconds of each of `count` runs. */
async function times (count, run) {
  const found = []
  for (let i = 0; i < count; i++) {
    const before = process.hrtime.bigint()
    await run()
    found.push(Number(process.hrtime.bigint() - before) / 1000)
  }
  return found
}

function timesSync (count, run) {
  const found = []
  for (let i = 0; i < count; i++) {
    const before = process.hrtime.bigint()
    run()
    found.push(Number(process.hrtime.bigint() - before) / 1000)
  }
  return found
}

const all = await ways()
if (swift) {
  const peer = await started(spawn(swift, ['serve', '--name', `${name}-swift`], { stdio: ['pipe', 'pipe', 'inherit'] }))
  void peer
}

const cases = []
for (const [way, { send, write, sync }] of Object.entries(all)) {
  if (sync) cases.push({ name: 'node-sendSync-64', way, run: () => timesSync(1000, () => sync(small)) })
  cases.push({ name: 'node-send-64', way, run: () => times(500, () => send(small)) })
  cases.push({ name: 'node-write-1MiB', way, run: () => times(40, () => (write ?? send)(large)) })
}

async function measure (list) {
  for (const each of list) {
    each.times = []
    await each.run()
  }
  for (let block = 0; block < blocks; block++) for (const each of list) each.times.push(...await each.run())
}

await measure(cases)
if (swift) {
  connect(`${name}-swift`)
  const ours = cases.filter(({ way }) => way === 'oro-ipc').map(each => ({ ...each, way: 'oro-ipc, host in Swift' }))
  await measure(ours)
  cases.push(...ours)
}
for (const end of ended) end()

const results = cases.map(({ name, way, times }) => {
  times.sort((a, b) => a - b)
  const at = share => Number(times[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(2))
  return { name, way, unit: 'us', count: times.length, p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) }
}).sort((a, b) => a.name.localeCompare(b.name))

if (process.argv.includes('--json')) {
  console.log(JSON.stringify({ node: process.version, cpus: os.cpus().length, results }, null, 2))
} else {
  console.table(results)
}
process.exit(0)

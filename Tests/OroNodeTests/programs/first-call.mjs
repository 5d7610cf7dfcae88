// SPDX-License-Identifier: Apache-2.0
// The first call of a process, to a host that does not go on: prints its error, how long it took, how often a timer of 10 ms ran
// meanwhile, and the longest stop of the event loop in milliseconds.

import { createRequire } from 'node:module'
import path from 'node:path'
import { performance } from 'node:perf_hooks'

const require = createRequire(import.meta.url)
// The module is there before there is a host.
const name = process.env.ORO_IPC_HOST
delete process.env.ORO_IPC_HOST
const ipc = require(path.join(process.env.ORO_NODE_PACKAGE, 'ipc.js'))
const { openPort, stream } = require(path.join(process.env.ORO_NODE_PACKAGE, 'index.js'))
process.env.ORO_IPC_HOST = name

const [verb, limit] = process.argv.slice(2)
const options = limit === 'signal' ? { signal: AbortSignal.timeout(300) } : { timeout: 300 }
let turns = 0
let longest = 0
let last = performance.now()
const timer = setInterval(() => {
  turns += 1
  longest = Math.max(longest, performance.now() - last - 10)
  last = performance.now()
}, 10)

const start = performance.now()
let error
if (verb === 'port') {
  const port = openPort('echo')
  port.postMessage('waits')
  port.close()
  const channel = new ipc.IPCBroadcastChannel('room')
  channel.postMessage('waits')
  channel.close()
}
if (verb === 'stream') {
  try {
    for await (const chunk of stream('ticks', { count: 1 }, options)) console.log(chunk)
  } catch (thrown) {
    error = thrown
  }
} else if (verb === 'write') {
  error = (await ipc.write('echo', null, Buffer.alloc(100_000), options)).err
} else {
  error = (await ipc[verb === 'port' ? 'request' : verb]('echo', 1, options)).err
}
const took = performance.now() - start
clearInterval(timer)
console.log(`${error?.name} ${took.toFixed(0)} ${turns} ${longest.toFixed(1)} ${error?.message}`)
process.exit()

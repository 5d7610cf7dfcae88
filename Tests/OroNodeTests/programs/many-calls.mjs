// SPDX-License-Identifier: Apache-2.0
// Makes as many calls as it is told, in both ways, and prints what the last part of them left behind: KiB of memory and of the heap, and handles of the
// event loop. Then opens and closes links, and prints the descriptors and handles that those left.

import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { request, sendSync } from 'oro:ipc'

const { connect, openPort } = createRequire(import.meta.url)(path.join(process.env.ORO_NODE_PACKAGE, 'index.js'))

const calls = Number(process.argv[2])
const handles = () => process._getActiveHandles().length
const left = () => {
  globalThis.gc()
  const { rss, heapUsed } = process.memoryUsage()
  return [rss >> 10, heapUsed >> 10, handles()]
}
const since = before => left().map((now, i) => now - before[i])

async function make (count) {
  for (let done = 0; done < count; done += 1000) {
    const results = await Promise.all(Array.from({ length: 500 }, (_, i) => request('echo', { i })))
    for (const [i, { data }] of results.entries()) if (data.i !== i) throw new Error(`${i} came back as ${data.i}`)
    for (let i = 0; i < 500; i++) if (sendSync('echo', i + 1).data !== i + 1) throw new Error('another result')
  }
}

// What is allocated once is there after a while.
await make(calls / 2)
const before = left()
await make(calls / 2)
console.log(since(before).join(' '))

const descriptors = () => fs.readdirSync('/proc/self/fd').length
async function links (count) {
  for (let i = 0; i < count; i++) {
    const link = connect(process.env.ORO_IPC_HOST)
    if (i % 3 > 0) await link.ready
    const port = openPort('echo')
    port.postMessage(i)
    if (i % 3 > 1) await request('ping')
    link.close()
  }
  // What is closed goes in the next rounds of the loop, and what ports hold when they are collected.
  for (let i = 0; i < 100; i++) {
    globalThis.gc()
    await new Promise(resolve => setTimeout(resolve, 1))
  }
}
await links(20)
const open = [descriptors(), ...left()]
await links(300)
const [rss, heap, more] = since(open.slice(1))
console.log(descriptors() - open[0], rss, heap, more)
connect(process.env.ORO_IPC_HOST).close()

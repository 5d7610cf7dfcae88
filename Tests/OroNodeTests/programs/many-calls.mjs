// SPDX-License-Identifier: Apache-2.0
// Makes as many calls as it is told, in both ways, and prints how much memory the last part of them took, in KiB.

import { request, sendSync } from 'oro:ipc'

const calls = Number(process.argv[2])
const resident = () => {
  globalThis.gc()
  return Math.round(process.memoryUsage.rss() / 1024)
}

async function make (count) {
  for (let done = 0; done < count; done += 1000) {
    const results = await Promise.all(Array.from({ length: 500 }, (_, i) => request('echo', { i })))
    for (const [i, { data }] of results.entries()) if (data.i !== i) throw new Error(`${i} came back as ${data.i}`)
    for (let i = 0; i < 500; i++) if (sendSync('echo', i + 1).data !== i + 1) throw new Error('another result')
  }
}

// What is allocated once is there after a while.
await make(calls / 2)
const before = resident()
await make(calls / 2)
console.log(resident() - before)

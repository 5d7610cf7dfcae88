// SPDX-License-Identifier: Apache-2.0
// Has calls under way that nobody answers, says so, and prints how they end; then whether a host is found again.

import { request, send, sendSync, write } from 'oro:ipc'

const forever = { ms: 3_600_000 }
const pending = [send('wait', forever), request('wait', forever), write('wait', forever, Buffer.alloc(100_000))]
for (let i = 0; i < 997; i++) pending.push(send('wait', forever))
await send('ping')
console.log('pending')
const results = await Promise.all(pending)
console.log(new Set(results.map(({ err }) => err?.name)).size, results[0].err.name, results.length)
console.log(sendSync('ping').err.name)
process.stdin.once('data', () => {
  console.log(sendSync('ping').data)
  process.stdin.destroy()
})
console.log('waiting')

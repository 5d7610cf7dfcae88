// SPDX-License-Identifier: Apache-2.0
// Holds Buffers over the host's memory, checks them, drops them, and prints how many the host still has out: held, then dropped.

import { createRequire } from 'node:module'
import path from 'node:path'
import { request, sendSync } from 'oro:ipc'

const { connect } = createRequire(import.meta.url)(path.join(process.env.ORO_NODE_PACKAGE, 'index.js'))
connect({ name: process.env.ORO_IPC_HOST, readOnly: true })

const count = Number(process.argv[2])
const size = 16 * 1024
const held = []
for (let i = 0; i < count; i++) {
  const { err, data } = await request('make.loan', { count: size, seed: i })
  if (err) throw err
  held.push(data)
}
const out = () => sendSync('blocks').data.loans
console.log(held.length, out())
for (const [i, bytes] of held.entries()) {
  const again = sendSync('make', { count: 64, seed: i }).data
  if (!bytes.subarray(0, 64).equals(again)) throw new Error(`Buffer ${i} is another`)
}
held.length = 0
// A collected Buffer's block goes back from the event loop; the collector needs a few rounds for so many.
let left
do {
  globalThis.gc()
  await new Promise(resolve => setImmediate(resolve))
  left = out()
} while (left > 1)
console.log('dropped')

// SPDX-License-Identifier: Apache-2.0
// Writes to the Buffers it gets, of many lengths, and looks whether that reached anybody else; then holds as many as it is told, drops
// them, and prints what is left of blocks and mappings. `node … COUNT [option]`

import { createRequire } from 'node:module'
import fs from 'node:fs'
import path from 'node:path'
import { request, sendSync } from 'oro:ipc'

const { connect, stream } = createRequire(import.meta.url)(path.join(process.env.ORO_NODE_PACKAGE, 'index.js'))
const [count, option] = process.argv.slice(2)
const options = option ? { [option]: true } : {}
connect({ name: process.env.ORO_IPC_HOST, ...options })

const lengths = [1, 2048, 2049, 8192, 8193, 65536, 1 << 20, (1 << 20) + 1, (4 << 20) - 1, (4 << 20) + 1, 10_000_001, 48 << 20]
const make = async length => {
  const { err, data } = await request('make.loan', { count: length, seed: length % 251 })
  if (err) throw err
  return data
}

for (const length of lengths) {
  const first = await make(length)
  const asMade = Buffer.from(first)
  first.fill(7)
  first[length - 1] = 8
  if (first[0] !== (length === 1 ? 8 : 7) || first[length - 1] !== 8) throw new Error(`${length} bytes cannot be written to`)
  // The next one may be the same block.
  const next = await make(length)
  if (!next.equals(asMade)) throw new Error(`${length} bytes of the next answer are others`)
  if (length > 1 && first[length >> 1] !== 7 && length > 2) throw new Error('what was written is gone')
  new Uint8Array(next.buffer, next.byteOffset, length).reverse()
  const inPlace = sendSync('make.loan', { count: length, seed: length % 251 }).data
  if (!inPlace.equals(asMade)) throw new Error(`${length} bytes of a blocking call are others`)
  inPlace.fill(1)
  const { data: echoed } = await request('echo', undefined, { bytes: inPlace })
  if (!echoed.equals(inPlace)) throw new Error('what was written is not what is sent')
  echoed.fill(2)
}
for await (const { bytes } of stream('make.loan', { count: 6 << 20, seed: 1 })) bytes.fill(3)
console.log('written')

const mappings = () => fs.readFileSync('/proc/self/maps', 'utf8').split('\n').length
const out = () => sendSync('blocks').data.loans
const drop = async () => {
  // A collected Buffer's block goes back from the event loop; the collector needs a few rounds for so many.
  for (let round = 0; round < 200; round++) {
    globalThis.gc()
    await new Promise(resolve => setImmediate(resolve))
    if (out() <= 1) return
  }
}
await drop()
const before = mappings()
let sum = 0
for (let i = 0; i < Number(count); i++) {
  const bytes = await make(i % 500 === 0 ? 5 << 20 : 16 * 1024)
  bytes[0] = 1
  sum += bytes[0]
}
await drop()
console.log(sum, out() <= 1, mappings() - before < 100)
process.exit()

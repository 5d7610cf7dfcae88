// SPDX-License-Identifier: Apache-2.0
'use strict'
// The other side of the bench, in the way that its first argument names.

const net = require('node:net')
const path = require('node:path')
const { parentPort } = require('node:worker_threads')
const { frame, readFrames } = require('./frames.cjs')

const SMALL = 4096
const nothing = Buffer.alloc(0)

/** What is answered: small messages themselves; of large ones a byte of each page is read. */
function answer (bytes) {
  if (bytes.length <= SMALL) return bytes
  let sum = 0
  for (let i = 0; i < bytes.length; i += SMALL) sum += bytes[i]
  return sum < 0 ? bytes : nothing
}

const [way, name] = process.argv.slice(2)
switch (way) {
  case 'host': {
    const { Host } = require(path.join(process.env.ORO_NODE_PACKAGE, 'host.js'))
    new Host(name).map('echo', ({ bytes }) => bytes).map('take', ({ bytes }) => { answer(bytes) })
    console.log('ready')
    break
  }
  case 'child':
    process.on('message', message => process.send(answer(message)))
    process.send('ready')
    break
  case 'socket':
    net.createServer(stream => readFrames(stream, bytes => stream.write(frame(answer(bytes))))).listen(name, () => console.log('ready'))
    break
  case 'worker':
    parentPort.on('message', message => parentPort.postMessage(answer(message)))
    break
}

// SPDX-License-Identifier: Apache-2.0
'use strict'
// A host in Node, under the name that it is given.

const path = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const { Host, Reply, Result } = require(path.join(process.env.ORO_NODE_PACKAGE, 'host.js'))

const host = new Host(process.argv[2])
let asked = 0
let given = 0

host.map('ping', () => 'pong')
host.map('echo', ({ value, bytes }) => new Reply({ data: value, bytes }))
host.map('echo.later', async ({ value, bytes }) => new Reply({ data: value, bytes }))
host.map('bytes', ({ bytes }) => bytes)
host.map('make', ({ value }) => Buffer.alloc(value.count, value.fill))
host.map('nothing', () => {})
host.map('count', () => ++asked)
host.map('about', request => ({ name: request.name, seq: request.seq, hasClient: request.client > 0n }))
host.map('fail', ({ value }) => Result.from({ err: value }))
host.map('throw', ({ value }) => { throw new RangeError(value.message) })
host.map('throw.later', async () => { throw 'a text' }) // eslint-disable-line no-throw-literal
host.map('cycle', () => {
  const circle = {}
  circle.circle = circle
  return circle
})
host.map('headers', ({ value }) => {
  if (value.fail) return new Result(null, new Error(value.fail), null, null, value.headers)
  return new Reply({ data: value.data, headers: value.headers })
})
host.map('headers.back', ({ headers, value }) => new Result(null, null, value, null, headers))
host.map('with.bytes', ({ value }) => new Reply({ data: value.data, bytes: value.text }))
host.map('wait', async request => {
  await pause(request.value.ms, null, { signal: request.signal }).catch(() => { given += 1 })
  return 'waited'
})
host.map('given.up', () => given)
host.map('emit', ({ value, bytes }) => { host.emit(value.name, value.detail, { bytes }) })
host.map('emit.back', ({ value, client }) => { host.emit(value.name, value.detail, { to: client }) })
host.map('ticks', async function * ({ value }) {
  for (let i = 0; i < value.count; i++) yield i % 2 ? Buffer.alloc(value.size, i) : { i }
})
host.acceptPorts('echo', port => { port.onmessage = ({ data, ports }) => port.postMessage(data, ports) })
host.acceptPorts('count', port => {
  let count = 0
  port.onmessage = ({ data }) => {
    if (data === 'how many') port.postMessage(count)
    else count++
  }
})
host.acceptPorts('who', (port, client) => {
  port.postMessage(client)
  port.close()
})
host.acceptPorts('never', () => {}).acceptPorts('never', null)
host.map('exit', () => { setImmediate(() => host.close()) })

console.log('ready')

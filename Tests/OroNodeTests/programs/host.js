// SPDX-License-Identifier: Apache-2.0
'use strict'
// A host in Node, under the name that it is given.

const path = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const { Host, Reply, Result } = require(path.join(process.env.ORO_NODE_PACKAGE, 'host.js'))

const host = new Host(process.argv[2])
let asked = 0
let given = 0

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
/** Handlers that have begun to wait, and those that were given up. */
const waits = { begun: 0, given: 0 }
host.map('wait', async request => {
  waits.begun += 1
  await pause(request.value.ms, null, { signal: request.signal }).catch(() => { waits.given += 1 })
  return 'waited'
})
host.map('waiting', () => waits)
host.map('given.up', () => given)
host.map('emit', ({ value, bytes }) => { host.emit(value.name, value.detail, { bytes }) })
host.map('emit.back', ({ value, client }) => { host.emit(value.name, value.detail, { to: client }) })
host.map('ticks', async function * ({ value }) {
  for (let i = 0; i < value.count; i++) yield i % 2 ? Buffer.alloc(value.size, i) : { i }
})
// Streams, in all the forms that a handler may return one.
const { Readable } = require('node:stream')
const texts = ['one', 'two', 'three']
const form = () => {
  const data = new FormData()
  data.set('a', 'b')
  return data
}
const streams = {
  asyncGenerator: async function * () { for (const text of texts) yield Buffer.from(text) },
  generator: function * () { for (const text of texts) yield Buffer.from(text) },
  later: async () => streams.asyncGenerator(),
  iterable: () => ({ [Symbol.asyncIterator]: () => streams.asyncGenerator() }),
  readableStream: () => new ReadableStream({
    start (controller) {
      for (const text of texts) controller.enqueue(new TextEncoder().encode(text))
      controller.close()
    }
  }),
  nodeStream: () => Readable.from(texts.map(text => Buffer.from(text)), { objectMode: false }),
  blob: () => new Blob(texts, { type: 'text/x-blob' }),
  response: () => new Response(texts.join(''), { headers: { 'x-a': 'b' } }),
  notFound: () => new Response('gone', { status: 410, statusText: 'Gone', headers: { 'content-type': 'text/x-gone' } }),
  error: () => Response.error(),
  emptyResponse: () => new Response(null, { status: 204 }),
  replyOfStream: () => new Reply({ bytes: streams.readableStream(), headers: { 'x-a': 'b' } }),
  resultOfStream: () => new Result(null, null, streams.readableStream()),
  form
}
for (const [name, handler] of Object.entries(streams)) host.map(`stream.${name}`, handler)
const counts = {}
const resumed = new Map()
host.map('stream.count', async function * ({ value }) {
  const count = (counts[value.id] = { made: 0, ended: false })
  try {
    for (let i = 0; i < value.count; i++) {
      count.made++
      yield { i }
    }
  } finally {
    count.ended = true
  }
})
host.map('stream.counts', ({ value }) => counts[value.id])
host.map('stream.events', async function * () {
  yield new Reply({ event: 'tick', data: 'line one\nline two' })
  yield new Reply({ event: 'tock', data: { a: 1n } })
  yield new Reply({ event: 'bytes', bytes: 'b' })
})
host.map('stream.fails', async function * () {
  yield 1
  yield 2
  throw new RangeError('in the middle')
})
host.map('stream.empty', async function * () {
  yield Buffer.alloc(0)
  yield Buffer.from('x')
  yield Buffer.alloc(0)
})
// A chunk for each `stream.go`, and an end when nobody wants one.
host.map('stream.step', async function * ({ value, signal }) {
  counts[value.id] = { made: 0, ended: false }
  signal.addEventListener('abort', () => { counts[value.id].ended = true })
  for (let i = 0; i < value.count; i++) {
    counts[value.id].made++
    yield Buffer.from(`chunk ${i};`)
    await new Promise(resolve => resumed.set(value.id, resolve))
  }
})
host.map('stream.go', ({ value }) => { resumed.get(value.id)?.() })
host.map('stream.bodyless', ({ bytes, headers }) => new Reply({ data: headers.get('content-type'), bytes }))
// Bodies that come in chunks.
host.map('body.count', async ({ body, bytes }) => {
  if (!body) return { bytes: bytes?.length ?? null }
  let [count, chunks, sum] = [0, 0, 0]
  for await (const chunk of body) {
    count += chunk.length
    chunks++
    for (const byte of chunk) sum = (sum + byte) % 65536
  }
  return { count, chunks, sum }
})
host.map('body.ignore', () => 'not read')
host.map('body.hold', async ({ body, signal }) => {
  const reader = body.getReader()
  await reader.read()
  await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
  given += 1
})
host.map('body.back', ({ body, headers }) => new Reply({ bytes: body, headers: { 'content-type': headers.get('content-type') ?? 'none' } }))
host.map('body.fail', async ({ body }) => {
  const reader = body.getReader()
  await reader.read()
  throw new RangeError('enough')
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
const { rows } = require('../values/table.js')
// As data, whatever it is: a handler's own promise or stream would be waited for.
host.map('row', ({ value }) => new Reply({ data: rows.find(({ name }) => name === value).make() }))
host.map('exit', () => { setImmediate(() => host.close()) })

console.log('ready')

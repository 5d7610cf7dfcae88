'use strict'
// Answers in chunks: `stream`, `responseType: 'stream'`, `fetchIPC`, `IPCEventSource`, to hosts in Node and to the tool's.

const assert = require('node:assert/strict')
const path = require('node:path')
const { test } = require('node:test')
const { load, root } = require('./package.js')
const { Process, newName, nodeHost, swiftHost } = require('./processes.js')
const { request, sendSync } = load('ipc.js')
const { IPCEventSource, connect, disconnect, fetchIPC, stream } = load('index.js')

const tool = process.env.ORO_TOOL ?? path.join(root, '.build', 'release', 'oro-ipc')

function withHost (title, start, tests) {
  test(title, async t => {
    const host = await start(t)
    const link = connect(host.hostName)
    t.after(disconnect)
    await tests(t, link, host)
  })
}

async function toolsHost (t) {
  const hostName = newName()
  const host = new Process(t, tool, ['serve', '--name', hostName, '--root', __dirname])
  await host.line()
  return Object.assign(host, { hostName })
}

async function all (iterable) {
  const chunks = []
  for await (const chunk of iterable) chunks.push(chunk)
  return chunks
}

/** Waits until the host says so. */
async function until (command, value, isTrue) {
  for (;;) {
    const { data } = await request(command, value)
    if (isTrue(data)) return data
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

let last = 0
const newId = () => `s${++last}`

withHost('what handlers stream', nodeHost, async (t, link) => {
  for (const name of ['asyncGenerator', 'generator', 'later', 'iterable', 'readableStream', 'nodeStream', 'blob', 'response', 'replyOfStream', 'resultOfStream']) {
    await t.test(`${name} comes in chunks`, async () => {
      const chunks = await all(stream(`stream.${name}`))
      assert.equal(Buffer.concat(chunks.map(({ bytes }) => bytes)).toString(), 'onetwothree')
      for (const chunk of chunks) assert.deepEqual([chunk.name, chunk.value, chunk.data], [null, undefined, chunk.bytes])
      // These are cut as the platform likes.
      if (!['nodeStream', 'blob', 'response'].includes(name)) assert.equal(chunks.length, 3)
    })
  }

  for (const name of ['readableStream', 'nodeStream', 'blob', 'response', 'replyOfStream', 'resultOfStream']) {
    await t.test(`${name} comes together to a call`, async () => {
      const { err, data } = await request(`stream.${name}`, null, { responseType: 'arraybuffer' })
      assert.ifError(err)
      assert.equal(data.toString(), 'onetwothree')
      assert.equal(sendSync(`stream.${name}`, null, { responseType: 'text' }).data, 'onetwothree')
    })
  }

  await t.test('what is endless does not come together', async () => {
    for (const name of ['asyncGenerator', 'generator', 'iterable', 'count']) {
      const { err } = await request(`stream.${name}`, { id: newId(), count: 1 })
      assert.deepEqual([err?.name, err?.message], ['TypeError', `IPC method 'stream.${name}' must be invoked as a stream`])
    }
  })

  await t.test('headers come with the first chunk, the type of a body among them', async () => {
    const answer = stream('stream.response')
    assert.equal((await answer.headers).get('x-a'), 'b')
    assert.match((await answer.headers).get('content-type'), /^text\/plain/)
    await all(answer)
    assert.equal((await request('stream.blob')).headers.get('content-type'), 'text/x-blob')
    const { headers, data } = await request('stream.form', null, { responseType: 'arraybuffer' })
    const again = await new Response(data, { headers }).formData()
    assert.equal(again.get('a'), 'b')
    assert.equal(await stream('stream.asyncGenerator').headers, null)
  })

  await t.test('a route that does not answer in chunks gives one', async () => {
    const [only, ...others] = await all(stream('echo', { a: 1 }))
    assert.deepEqual([only.data, others.length], [{ a: 1 }, 0])
    assert.deepEqual(await all(stream('nothing')), [])
    const [both] = await all(stream('echo', 5, { bytes: 'body' }))
    assert.deepEqual([both.value, both.bytes.toString()], [5, 'body'])
    const answer = stream('headers', { headers: { 'x-one': '1' }, data: 7 })
    assert.equal((await answer.headers).get('x-one'), '1')
    assert.equal((await answer.next()).value.data, 7)
  })

  await t.test('events have names, and chunks may be empty', async () => {
    const events = await all(stream('stream.events'))
    assert.deepEqual(events.map(({ name, data }) => [name, data]), [['tick', 'line one\nline two'], ['tock', { a: 1n }], ['bytes', Buffer.from('b')]])
    assert.deepEqual((await all(stream('stream.empty'))).map(({ bytes }) => bytes.toString()), ['', 'x', ''])
  })

  await t.test('an error comes behind the chunks before it', async () => {
    const heard = []
    await assert.rejects(async () => { for await (const { data } of stream('stream.fails')) heard.push(data) }, { name: 'RangeError', message: 'in the middle' })
    assert.deepEqual(heard, [1, 2])
    await assert.rejects(stream('not.there').next(), { name: 'NotFoundError' })
    await assert.rejects(stream('throw', { message: 'm' }).next(), { name: 'RangeError', message: 'm' })
    await assert.rejects(stream('no command').next(), TypeError)
    await assert.rejects(stream('echo', { get a () { throw new RangeError('mine') } }).next(), { message: 'mine' })
    assert.throws(() => stream('echo', null, { window: 0 }), RangeError)
  })

  await t.test('each stream holds its own handler, and nobody else', async () => {
    for (const window of [1, 2, 16]) {
      const [held, free] = [newId(), newId()]
      const slow = stream('stream.count', { id: held, count: 1e6 }, { window })
      assert.equal((await slow.next()).value.data.i, 0)
      assert.equal((await all(stream('stream.count', { id: free, count: 2000 }))).length, 2000)
      const { made, ended } = (await request('stream.counts', { id: held })).data
      // What was read, the window, and what the generator holds out.
      assert.ok(made <= 2 * window + 2 && !ended, `${made} chunks made for a reader that has read one, window ${window}`)
      assert.equal((await slow.next()).value.data.i, 1)
      slow.cancel()
      await until('stream.counts', { id: held }, data => data.ended)
    }
  })

  await t.test('leaving the loop ends the handler', async () => {
    const id = newId()
    for await (const { data } of stream('stream.count', { id, count: 1e6 })) if (data.i === 50) break
    await until('stream.counts', { id }, data => data.ended)
  })

  await t.test('a signal ends the handler, and its reason is the cause', async () => {
    for (const isReading of [true, false]) {
      const id = newId()
      const controller = new AbortController()
      const answer = stream('stream.step', { id, count: 5 }, { signal: controller.signal })
      assert.equal((await answer.next()).value.bytes.toString(), 'chunk 0;')
      const pending = isReading ? answer.next() : null
      const reason = new Error('enough')
      controller.abort(reason)
      await assert.rejects(pending ?? answer.next(), error => error.name === 'AbortError' && error.cause === reason)
      assert.deepEqual(await answer.next(), { done: true, value: undefined })
      await until('stream.counts', { id }, data => data.ended)
    }
    await assert.rejects(stream('ping', null, { signal: AbortSignal.abort('early') }).next(), { name: 'AbortError', cause: 'early' })
    await assert.rejects(stream('wait', { ms: 60_000 }, { signal: AbortSignal.timeout(20) }).next(), { name: 'TimeoutError' })
    await assert.rejects(stream('wait', { ms: 60_000 }, { timeout: 20 }).next(), { name: 'TimeoutError', message: /'wait'.*20 ms/ })
  })

  await t.test('the body of a Response ends with the reason of its signal, as that of fetch does', async () => {
    for (const reason of [new RangeError('enough'), 'a text', undefined]) {
      const id = newId()
      const controller = new AbortController()
      const { body } = await fetchIPC(`ipc://stream.step?id=${id}&count=5`, { signal: controller.signal })
      const reader = body.getReader()
      assert.equal(Buffer.from((await reader.read()).value).toString(), 'chunk 0;')
      const pending = reader.read()
      controller.abort(reason)
      await assert.rejects(pending, error => error === controller.signal.reason)
      await until('stream.counts', { id }, data => data.ended)
    }
  })

  await t.test('whoever is given up while it is read is told so, also when several read', async () => {
    const answer = stream('stream.step', { id: newId(), count: 5 })
    await answer.next()
    const reads = [answer.next(), answer.next()]
    await answer.return()
    assert.deepEqual(await Promise.all(reads), [{ done: true, value: undefined }, { done: true, value: undefined }])
  })

  await t.test('nothing is asked before the first is wanted, and nothing stays', async () => {
    stream('stream.count', { id: 'never', count: 1 })
    assert.equal((await request('stream.counts', { id: 'never' })).data, null)
    for (let i = 0; i < 500; i++) {
      const answer = stream('stream.count', { id: 'many', count: 20 })
      await answer.next()
      if (i % 2) answer.cancel()
      else await all(answer)
    }
    await request('ping')
    while (link.pending > 0) await request('ping')
    assert.equal(link.pending, 0)
  })

  await t.test("responseType 'stream': the body as it comes", async () => {
    const id = newId()
    const { err, data, headers } = await request('stream.step', { id, count: 3 }, { responseType: 'stream' })
    assert.ifError(err)
    assert.ok(data instanceof ReadableStream)
    assert.equal(headers, null)
    const reader = data.getReader()
    for (let i = 0; i < 3; i++) {
      // The next is made only now.
      assert.equal(Buffer.from((await reader.read()).value).toString(), `chunk ${i};`)
      await request('stream.go', { id })
    }
    assert.equal((await reader.read()).done, true)
    assert.equal((await request('not.there', null, { responseType: 'stream' })).err.name, 'NotFoundError')
    assert.equal(await new Response((await request('stream.response', null, { responseType: 'stream' })).data).text(), 'onetwothree')
    assert.equal((await request('wait', { ms: 60_000 }, { responseType: 'stream', timeout: 20 })).err.message, 'ipc.request timed out')
    assert.equal(sendSync('ping', null, { responseType: 'stream' }).err.name, 'TypeError')
    const { data: cancelled } = await request('stream.step', { id, count: 3 }, { responseType: 'stream' })
    await cancelled.cancel()
    await until('stream.counts', { id }, data => data.ended)
  })

  await t.test('fetchIPC: status, headers, and a body as it comes', async () => {
    const id = newId()
    const response = await fetchIPC(`ipc://stream.step?id=${id}&count=2`)
    assert.ok(response instanceof Response)
    assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'application/octet-stream'])
    const reader = response.body.getReader()
    assert.equal(Buffer.from((await reader.read()).value).toString(), 'chunk 0;')
    await request('stream.go', { id })
    assert.equal(Buffer.from((await reader.read()).value).toString(), 'chunk 1;')
    await request('stream.go', { id })
    assert.equal((await reader.read()).done, true)

    const gone = await fetchIPC('ipc://stream.notFound')
    assert.deepEqual([gone.status, gone.statusText, gone.ok, gone.headers.get('content-type'), gone.headers.get('status'), await gone.text()], [410, 'Gone', false, 'text/x-gone', null, 'gone'])
    const none = await fetchIPC('ipc://stream.emptyResponse')
    assert.deepEqual([none.status, none.body], [204, null])
    const value = await fetchIPC('ipc://echo?a=1&b=x')
    assert.deepEqual([value.headers.get('content-type'), await value.json()], ['application/json', { source: 'echo', data: { a: 1, b: 'x' } }])
    const failed = await fetchIPC('ipc://throw?message=m')
    assert.deepEqual([failed.status, await failed.json()], [200, { source: 'throw', err: { type: 'RangeError', message: 'm' } }])
    const unknown = await fetchIPC('ipc://not.there?x=1')
    assert.deepEqual([unknown.status, (await unknown.json()).err.type], [404, 'NotFoundError'])
    const late = await fetchIPC('ipc://wait?ms=60000', { timeout: 20 })
    assert.deepEqual([late.status, (await late.json()).err.type], [504, 'TimeoutError'])
    const lines = await fetchIPC(`ipc://stream.count?id=${id}&count=3`)
    assert.deepEqual([lines.headers.get('content-type'), await lines.text()], ['application/x-ndjson', '{"i":0}\n{"i":1}\n{"i":2}\n'])
    const events = await fetchIPC('ipc://stream.events')
    assert.match(events.headers.get('content-type'), /^text\/event-stream/)
    assert.equal(await events.text(), 'event: tick\ndata: line one\ndata: line two\n\nevent: tock\ndata: {"a":"1"}\n\nevent: bytes\ndata: b\n\n')
  })

  await t.test('fetchIPC: bodies, and what is no request', async () => {
    const posted = await fetchIPC('ipc://stream.bodyless', { method: 'POST', body: new Blob(['body'], { type: 'text/x-blob' }) })
    assert.equal(await posted.text(), 'body')
    const headed = await fetchIPC('ipc://headers.back?a=1', { headers: { accept: 'x' } })
    assert.equal(headed.headers.get('accept'), 'x')
    await assert.rejects(fetchIPC('ipc://ping', { body: 'x' }), TypeError)
    const head = await fetchIPC(`ipc://stream.count?id=head&count=1000000`, { method: 'HEAD' })
    assert.deepEqual([head.status, head.body, head.headers.get('content-type')], [200, null, 'application/x-ndjson'])
    await until('stream.counts', { id: 'head' }, data => data.ended)
    assert.equal((await fetchIPC('ipc://ping', null)).status, 200)
    const request = new Request('ipc://stream.bodyless', { method: 'POST', body: 'of a Request' })
    assert.equal(await (await fetchIPC(request)).text(), 'of a Request')
    await assert.rejects(fetchIPC('ipc://stream.error'), TypeError)
    await assert.rejects(fetchIPC('http://ping'), TypeError)
  })

  await t.test('fetchIPC: an abort reaches the handler, before and after the head', async () => {
    const id = newId()
    const controller = new AbortController()
    const response = await fetchIPC(`ipc://stream.step?id=${id}&count=9`, { signal: controller.signal })
    const reader = response.body.getReader()
    await reader.read()
    const pending = reader.read()
    const reason = new Error('half is enough')
    controller.abort(reason)
    await assert.rejects(pending, error => error === reason || error.cause === reason)
    await until('stream.counts', { id }, data => data.ended)
    const early = new AbortController()
    const waiting = fetchIPC('ipc://wait?ms=60000', { signal: early.signal })
    setImmediate(() => early.abort(reason))
    await assert.rejects(waiting, error => error === reason)
    await assert.rejects(fetchIPC('ipc://ping', { signal: AbortSignal.abort(reason) }), error => error === reason)
  })

  await t.test('a body that is not read holds the host', async () => {
    const id = newId()
    const response = await fetchIPC(`ipc://stream.count?id=${id}&count=1000000`)
    await request('ping')
    assert.ok((await request('stream.counts', { id })).data.made < 60)
    await response.body.cancel()
    await until('stream.counts', { id }, data => data.ended)
  })
})

const next = (target, type) => new Promise(resolve => target.addEventListener(type, resolve, { once: true }))

withHost("the tool's host", toolsHost, async t => {
  await t.test('its streams', async () => {
    assert.deepEqual((await all(stream('diagnostics.stream.sse', { count: 3, interval: 1 }))).map(({ name, data }) => [name, data]), [['message', '0'], ['message', '1'], ['message', '2']])
    const chunks = await all(stream('diagnostics.stream.chunks', { chunks: 4, chunkSize: 100, interval: 1 }))
    assert.deepEqual(chunks.map(({ bytes }) => [bytes.length, bytes[99]]), Array(4).fill([100, 0x5a]))
  })

  await t.test('fetchIPC of its streams', async () => {
    const response = await fetchIPC('ipc://diagnostics.stream.chunks?chunks=3&chunkSize=10&interval=1')
    assert.equal(await response.text(), 'Z'.repeat(30))
    const events = await fetchIPC('ipc://diagnostics.stream.sse?count=2&interval=1&name=tick')
    assert.equal(await events.text(), 'event: tick\ndata: 0\n\nevent: tick\ndata: 1\n\n')
  })

  await t.test('an EventSource', async t => {
    const source = new IPCEventSource('ipc://diagnostics.stream.sse?count=3&interval=1')
    t.after(() => source.close())
    assert.deepEqual([source.readyState, source.url, source.withCredentials], [0, 'ipc://diagnostics.stream.sse?count=3&interval=1', false])
    const heard = []
    source.onmessage = ({ data, type, lastEventId }) => heard.push([type, data, lastEventId])
    await next(source, 'open')
    assert.equal(source.readyState, 1)
    // As the platform's: a stream that has ended is asked for again.
    await next(source, 'error')
    assert.deepEqual(heard, [['message', '0', ''], ['message', '1', ''], ['message', '2', '']])
    assert.equal(source.readyState, 0)
    source.close()
    assert.equal(source.readyState, 2)
    const wrong = new IPCEventSource('ipc://ping')
    assert.equal((await next(wrong, 'error')).error.name, 'TypeError')
    assert.equal(wrong.readyState, 2)
    assert.throws(() => new IPCEventSource('http://x'), { name: 'SyntaxError' })
  })
})

test('a stream ends with its link, behind what had come', async t => {
  const host = await nodeHost(t)
  connect(host.hostName)
  t.after(disconnect)
  const answers = [stream('stream.step', { id: 'a', count: 5 }), stream('stream.step', { id: 'b', count: 5 }, { window: 1 })]
  for (const answer of answers) assert.equal((await answer.next()).value.bytes.toString(), 'chunk 0;')
  const pending = assert.rejects(answers[0].next(), { name: 'NetworkError' })
  await host.kill()
  await pending
  await assert.rejects(answers[1].next(), { name: 'NetworkError' })
  await assert.rejects(fetchIPC('ipc://ping'), TypeError)
})

test('a Swift host streams', async t => {
  connect((await swiftHost(t)).hostName)
  t.after(disconnect)
  assert.equal((await all(stream('diagnostics.stream.sse', { count: 5, interval: 1 }))).length, 5)
})

'use strict'
// What `fetch` takes as a body, in calls and in answers; and what is none.

const assert = require('node:assert/strict')
const { Readable, PassThrough } = require('node:stream')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const { load, root } = require('./package.js')
const { Process, newName, nodeHost, swiftHost } = require('./processes.js')
const { request, send, sendSync, write } = load('ipc.js')
const { connect, disconnect, events, fetchIPC, stream: streamOf } = load('index.js')

const bytes = Buffer.from('a body of bytes!')
const buffer = new Uint8Array(bytes).buffer

/** Made anew for each call: a stream can be read once. */
const now = {
  Buffer: () => Buffer.from(bytes),
  ArrayBuffer: () => buffer,
  SharedArrayBuffer: () => {
    const shared = new SharedArrayBuffer(bytes.length)
    new Uint8Array(shared).set(bytes)
    return shared
  },
  text: () => 'a body of bytes!',
  array: () => [...bytes],
  ...Object.fromEntries([Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array, DataView]
    .map(View => [View.name, () => new View(buffer)])),
  'a view of a part': () => new Uint8Array(new Uint8Array([0, ...bytes, 0]).buffer, 1, bytes.length)
}
const stream = chunks => new ReadableStream({
  start (controller) {
    for (const chunk of chunks) controller.enqueue(chunk)
    controller.close()
  }
})
const parts = () => [bytes.subarray(0, 3), bytes.subarray(3)]
const later = {
  Blob: () => new Blob(parts()),
  File: () => new (require('node:buffer').File ?? Blob)(parts(), 'name'),
  ReadableStream: () => stream(parts()),
  'a ReadableStream of bytes': () => new Blob(parts()).stream(),
  'a ReadableStream of texts': () => stream(['a body ', 'of bytes!']),
  Response: () => new Response(bytes),
  'an async generator': () => (async function * () { yield * parts() })(),
  'a generator': () => (function * () { yield * parts() })(),
  'an async iterable': () => ({ async * [Symbol.asyncIterator] () { yield * parts() } }),
  'an iterator that answers at once': () => {
    const chunks = parts()
    return { [Symbol.asyncIterator]: () => ({ next: () => chunks.length ? { done: false, value: chunks.shift() } : { done: true } }) }
  },
  'a stream of Node': () => Readable.from(parts(), { objectMode: false }),
  'a stream of Node of texts': () => Readable.from(['a body ', 'of bytes!']),
  'a PassThrough': () => new PassThrough().end(bytes)
}

for (const [who, start] of [['a Node host', nodeHost], ['a Swift host', swiftHost]]) {
  test(`bodies to ${who}`, async t => {
    connect((await start(t)).hostName)
    t.after(disconnect)
    const calls = {
      write: body => write('echo', undefined, body),
      request: body => request('echo', undefined, { bytes: body }),
      send: body => send('echo', undefined, { bytes: body })
    }
    for (const [name, make] of Object.entries({ ...now, ...later })) {
      await t.test(name, async () => {
        for (const [verb, call] of Object.entries(calls)) {
          const { err, data } = await call(make())
          assert.ifError(err)
          assert.equal(Buffer.from(data).toString(), bytes.toString(), verb)
        }
        for (const { err, data } of [sendSync('echo', undefined, { responseType: 'arraybuffer' }, make()), sendSync('echo', undefined, make(), { responseType: 'arraybuffer' })]) {
          if (name in later) assert.equal(err?.name, 'TypeError')
          else assert.deepEqual([err, data && data.toString()], [null, bytes.toString()])
        }
      })
    }
  })
}

test('bodies that say what they are', async t => {
  connect((await nodeHost(t)).hostName)
  t.after(disconnect)
  const form = new FormData()
  form.set('a', 'b')
  form.set('file', new Blob(['content'], { type: 'text/x' }), 'name.x')
  const { data, headers } = await request('headers.back', null, { bytes: form })
  assert.equal(data, null)
  assert.match(headers.get('content-type'), /^multipart\/form-data; boundary=/)
  const sent = await write('stream.bodyless', null, form, { responseType: 'arraybuffer' })
  const again = await new Response(sent.data, { headers: { 'content-type': (await write('stream.bodyless', null, form)).data } }).formData().catch(() => null)
  // Each encoding has a boundary of its own.
  assert.ok(again === null || again.get('a') === 'b')
  assert.ok(sent.data.includes('name="a"') && sent.data.includes('content'))
  assert.equal((await write('headers.back', null, new URLSearchParams('a=b'))).headers.get('content-type'), 'application/x-www-form-urlencoded;charset=UTF-8')
  assert.equal((await write('headers.back', null, new Blob(['x'], { type: 'text/x' }))).headers.get('content-type'), 'text/x')
  assert.equal((await write('headers.back', null, new Blob(['x'], { type: 'text/x' }), { headers: { 'content-type': 'mine' } })).headers.get('content-type'), 'mine')
  assert.equal((await write('headers.back', null, 'text')).headers, null)
  assert.equal((await write('bytes', null, new URLSearchParams([['a', 'b c'], ['d', 'é']]), { responseType: 'text' })).data, 'a=b+c&d=%C3%A9')
})

test('a body that is none is a TypeError, and nothing is sent', async t => {
  connect((await nodeHost(t)).hostName)
  t.after(disconnect)
  const locked = stream([bytes])
  locked.getReader()
  const wrong = [
    ...[{ a: 1 }, [new Uint8Array(3)], ['x'], [1, , 3], [256], [1.5], 5, 0, true, false, 1n, Symbol('x'), () => {}, new Map(), new Set([1]), new Date(), Promise.resolve('x'), new URL('a:b'), locked].map(body => () => body), // eslint-disable-line no-sparse-arrays
    () => stream([{ a: 1 }]), () => stream([5]), () => (async function * () { yield [1] })(), () => (async function * () { yield null })(), () => Readable.from([{ a: 1 }])
  ]
  const before = (await request('count')).data
  for (const make of wrong) {
    const body = make()
    for (const { err } of [await write('count', null, body), await request('count', null, { bytes: make() }), await send('count', null, { bytes: make() })]) assert.equal(err?.name, 'TypeError', String(body?.constructor?.name))
    if (!(body instanceof Array) || typeof body[0] !== 'object') assert.equal(sendSync('count', null, {}, body).err?.name, 'TypeError', `sendSync ${String(body?.constructor?.name)}`)
  }
  assert.equal((await request('count')).data, before + 1)
})

test('a stream that fails, or is too long, or is given up, ends its call and is ended', async t => {
  connect((await nodeHost(t)).hostName)
  t.after(disconnect)
  const fails = async function * () { yield 'x'; throw new RangeError('no more') }
  assert.equal((await write('bytes', null, fails())).err.message, 'no more')
  let isOver = false
  const endless = async function * () {
    try {
      for (;;) yield Buffer.alloc(1 << 20)
    } finally {
      isOver = true
    }
  }
  assert.equal((await write('bytes', null, endless())).err.name, 'RangeError')
  assert.ok(isOver)
  const controller = new AbortController()
  const silent = new ReadableStream({ cancel () { isOver = 'cancelled' } })
  const pending = write('bytes', null, silent, { signal: controller.signal })
  controller.abort('enough')
  const { err } = await pending
  assert.deepEqual([err.name, err.cause, isOver], ['AbortError', 'enough', 'cancelled'])
})

test('a signal whose methods throw ends its call alone', async t => {
  connect((await nodeHost(t)).hostName)
  t.after(disconnect)
  const bad = { aborted: false, addEventListener () { throw new RangeError('no listener') }, removeEventListener () {} }
  assert.equal((await request('wait', { ms: 60_000 }, { signal: bad })).err.message, 'no listener')
  const worse = { aborted: false, addEventListener () {}, removeEventListener () { throw new RangeError('stays') } }
  assert.equal((await request('ping', null, { signal: worse })).data, 'pong')
  assert.equal((await request('ping', null, { signal: 5 })).err?.name, 'TypeError')
  assert.equal((await request('ping', null, { signal: { get aborted () { throw new RangeError('hidden') } } })).err?.message, 'hidden')
  assert.equal((await request('ping')).data, 'pong')
})

test("a signal's own reason is the cause", async t => {
  connect((await nodeHost(t)).hostName)
  t.after(disconnect)
  const reason = { why: 'mine' }
  for (const call of [(command, value, options) => write(command, value, null, options), request, send]) {
    for (const given of [reason, new RangeError('r'), 'text', 0]) {
      const controller = new AbortController()
      const pending = call('wait', { ms: 60_000 }, { signal: controller.signal })
      setImmediate(() => controller.abort(given))
      const { err } = await pending
      assert.deepEqual([err.name, err.cause, err.signal], ['AbortError', given, controller.signal])
    }
    const { err } = await call('wait', { ms: 60_000 }, { signal: AbortSignal.timeout(20) })
    assert.deepEqual([err.name, err.code, err.cause.name], ['TimeoutError', 'TIMEOUT_ERR', 'TimeoutError'])
    assert.equal((await call('ping', null, { signal: AbortSignal.abort(reason) })).err.cause, reason)
  }
})

const tool = process.env.ORO_TOOL ?? path.join(root, '.build', 'release', 'oro-ipc')

for (const [who, start] of [['a Node host', nodeHost], ['a Swift host', swiftHost]]) {
  test(`no bytes at all are a payload to ${who}`, async t => {
    connect((await start(t)).hostName)
    t.after(disconnect)
    for (const body of [Buffer.alloc(0), new ArrayBuffer(0), new DataView(new ArrayBuffer(0)), '', [], new URLSearchParams(), new Uint8Array(5).subarray(5)]) {
      const results = [
        await write('echo', undefined, body), await request('echo', undefined, { bytes: body }), await send('echo', undefined, { bytes: body }),
        sendSync('echo', undefined, { responseType: 'arraybuffer' }, body)
      ]
      for (const { err, data } of results) assert.deepEqual([err, data], [null, Buffer.alloc(0)])
    }
    for (const body of [new Blob([]), (async function * () {})(), new Response(null)]) {
      assert.deepEqual((await write('echo', undefined, body)).data, Buffer.alloc(0))
    }
    // None is none.
    for (const body of [null, undefined]) assert.equal((await write('echo', undefined, body)).data, null)
    // Beside a value both are there.
    assert.deepEqual((await write('echo', { a: 1 }, '', { responseType: 'arraybuffer' })).data, Buffer.alloc(0))
    assert.deepEqual((await write('echo', { a: 1 }, '')).data, { a: 1 })
    const [chunk] = await (async () => { const all = []; for await (const each of streamOf('echo', undefined, { bytes: '' })) all.push(each); return all })()
    assert.deepEqual([chunk.value, chunk.bytes], [undefined, Buffer.alloc(0)])
  })
}

test('an event of no bytes has them', async t => {
  connect((await nodeHost(t)).hostName)
  t.after(disconnect)
  const heard = new Promise(resolve => events.addEventListener('empty', resolve, { once: true }))
  await write('emit', { name: 'empty' }, Buffer.alloc(0))
  assert.deepEqual((await heard).detail, Buffer.alloc(0))
})

test('an empty file is no bytes', async t => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'oro-node-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  fs.writeFileSync(path.join(folder, 'empty'), '')
  fs.writeFileSync(path.join(folder, 'one'), 'x')
  const hostName = newName()
  await new Process(t, tool, ['serve', '--name', hostName, '--root', folder]).line()
  connect(hostName)
  t.after(disconnect)
  for (const responseType of ['', 'arraybuffer']) {
    assert.deepEqual((await request('fs.readFile', { path: 'empty' }, { responseType })).data, Buffer.alloc(0))
    assert.deepEqual((await request('fs.readFile', { path: 'one' }, { responseType })).data, Buffer.from('x'))
  }
  assert.deepEqual((await request('fs.readFile', { path: 'one', offset: 1 })).data, { size: 1 })
})

test('bodies that are sent while they are read', async t => {
  const host = await nodeHost(t)
  const link = connect(host.hostName)
  t.after(disconnect)
  const half = { duplex: 'half' }
  let made = 0
  let isOver = false
  const endless = async function * () {
    try {
      for (;;) {
        made++
        yield Buffer.alloc(10_000, 1)
      }
    } finally {
      isOver = true
    }
  }

  await t.test('whatever can be streamed arrives whole, and in order', async () => {
    for (const [name, make] of Object.entries(later)) {
      const { err, data } = await write('body.count', null, make(), half)
      assert.ifError(err)
      assert.equal(data.count, bytes.length, name)
      assert.equal((await request('body.back', null, { bytes: make(), ...half, responseType: 'text' })).data, bytes.toString(), name)
    }
    const large = Buffer.alloc(5_000_000, 3)
    const { data } = await write('body.count', null, stream([large, Buffer.from([1]), Buffer.alloc(0), large]), half)
    assert.deepEqual([data.count, data.sum], [10_000_001, (30_000_001) % 65536])
    // Whoever does not say so sends all of it together.
    assert.deepEqual((await write('body.count', null, stream([large]))).data, { bytes: 5_000_000 })
    assert.equal((await write('body.back', null, new Blob(['x'], { type: 'text/x' }), { ...half, responseType: 'text' })).headers.get('content-type'), 'text/x')
    assert.equal((await write('body.count', null, stream([]), half)).data.count, 0)
  })

  await t.test('a handler that does not read holds the body, and its answer ends it', async () => {
    assert.equal((await write('body.ignore', null, endless(), half)).data, 'not read')
    while (!isOver) await new Promise(resolve => setImmediate(resolve))
    isOver = false
    made = 0
    const controller = new AbortController()
    const pending = write('body.hold', null, endless(), { ...half, signal: controller.signal })
    for (let i = 0; i < 50; i++) await request('ping')
    assert.ok(made < 100, `${made} chunks made`)
    const { data: before } = await request('given.up')
    controller.abort('enough')
    assert.equal((await pending).err.cause, 'enough')
    while (!isOver || (await request('given.up')).data === before) await new Promise(resolve => setImmediate(resolve))
  })

  await t.test('an error of either side is the error of the call', async () => {
    isOver = false
    assert.equal((await write('body.fail', null, endless(), half)).err.message, 'enough')
    while (!isOver) await new Promise(resolve => setImmediate(resolve))
    const fails = async function * () { yield 'x'; throw new RangeError('mine') }
    assert.equal((await write('body.count', null, fails(), half)).err.message, 'mine')
    assert.equal((await write('body.count', null, stream([5]), half)).err.name, 'TypeError')
    assert.equal((await write('not.there', null, endless(), half)).err.name, 'NotFoundError')
  })

  await t.test('up and down at once', async () => {
    const heard = []
    for await (const { bytes: chunk } of streamOf('body.back', null, { bytes: (async function * () { for (let i = 0; i < 50; i++) yield String(i) + ' ' })(), ...half })) heard.push(chunk)
    assert.equal(Buffer.concat(heard).toString(), Array.from({ length: 50 }, (_, i) => `${i} `).join(''))
    const response = await fetchIPC('ipc://body.back', { method: 'POST', body: stream(parts()), ...half })
    assert.equal(await response.text(), bytes.toString())
  })

  await t.test('many at once, and nothing stays', async () => {
    const results = await Promise.all(Array.from({ length: 100 }, (_, i) => write('body.count', null, stream(Array(20).fill(Buffer.alloc(100, i))), half)))
    results.forEach(({ data }) => assert.equal(data.count, 2000))
    while (link.pending > 0) await request('ping')
  })

  await t.test('a body ends with its link', async () => {
    isOver = false
    const pending = write('body.hold', null, endless(), half)
    await request('ping')
    await host.kill()
    assert.equal((await pending).err.name, 'NetworkError')
    while (!isOver) await new Promise(resolve => setImmediate(resolve))
  })
})

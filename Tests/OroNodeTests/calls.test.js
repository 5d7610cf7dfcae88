// SPDX-License-Identifier: Apache-2.0
'use strict'
// Section 11 of the module's description: calls to a host, over the addon. Left out of 11: web views' transport (11.7 "option differs from what the transport
// object has", status codes, 11.10), the bookmarks of 11.8, and the base64 of 11.6, which exist in browsers only.

const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const { load } = require('./package.js')
const { nodeHost, swiftHost } = require('./processes.js')
const ipc = load('ipc.js')
const { connect, disconnect, events } = load('index.js')

const verbs = ['send', 'request', 'write', 'sendSync']
/** A call by any of them, with bytes where it can have some. */
const call = (verb, command, value, options) =>
  verb === 'write' ? ipc.write(command, value, null, options) : ipc[verb](command, value, options)

/** Runs tests with a host that all of them share. */
function withHost (title, start, tests) {
  test(title, async t => {
    const host = await start(t)
    connect(host.hostName)
    t.after(disconnect)
    await tests(t, host)
  })
}

const values = [
  ['null', null], ['true', true], ['0', 0], ['-5', -5], ['an integer', 2 ** 40], ['a double', 1.5], ['-0', -0], ['NaN', NaN], ['a bigint', 2n ** 70n],
  ['an empty text', ''], ['a text', 'grüße €'], ['a long text', 'x'.repeat(100000)], ['bytes', Buffer.from('hi')], ['an array', [1, [2, ['3']]]],
  ['an object', { a: { b: [null, 1n] }, c: Buffer.from('x') }], ['an empty object', {}], ['many members', Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, i]))]
]

for (const [who, start] of [['a Swift host', swiftHost], ['a Node host', nodeHost]]) {
  withHost(`calls to ${who}`, start, async t => {
    for (const verb of verbs) {
      await t.test(`${verb} gives data, and names its source`, async () => {
        const result = await call(verb, 'ping')
        assert.ok(result instanceof ipc.Result)
        assert.deepEqual([...result], [null, 'pong', 'ping', null])
        assert.equal(result.id, null)
      })

      await t.test(`${verb} of an unknown command`, async () => {
        const { err, data, source } = await call(verb, 'not.there', { foo: 'bar' })
        assert.equal(String(err), 'NotFoundError: Not found')
        assert.equal(err.code, 'NOT_FOUND_ERR')
        assert.equal(data, null)
        assert.equal(source, 'not.there')
        const slash = verb === 'send' ? '' : '/'
        const nonce = verb === 'send' ? '' : '&nonce=\\d+'
        const sync = verb === 'sendSync' ? '&__sync__=true' : ''
        assert.match(err.url, new RegExp(`^ipc://not\\.there${slash}\\?foo=bar&index=0&seq=R\\d+${nonce}&runtime-frame-type=top-level${sync}$`))
      })
    }

    for (const [name, value] of values) {
      await t.test(`${name} comes back as it was sent`, async () => {
        assert.deepStrictEqual(ipc.sendSync('echo', value).data, value)
        assert.deepStrictEqual((await ipc.send('echo', value)).data, value)
      })
    }

    for (const size of [1, 64, 2048, 2049, 8192, 8193, 100_000, 1 << 20, 5 << 20]) {
      await t.test(`${size} bytes go both ways unchanged`, async () => {
        const bytes = Buffer.alloc(size)
        for (let i = 0; i < size; i++) bytes[i] = i * 7
        const result = await ipc.write('echo', undefined, bytes)
        assert.ifError(result.err)
        assert.ok(Buffer.isBuffer(result.data))
        assert.ok(result.data.equals(bytes))
        assert.ok(ipc.sendSync('echo', undefined, { responseType: 'arraybuffer' }, bytes).data.equals(bytes))
      })
    }

    await t.test('headers of results come with data and with errors', async () => {
      const headers = 'Content-Type: Text/Plain\r\nX-One: é\r\nset-cookie: A=1\r\nSet-Cookie: B=2'
      for (const verb of verbs) {
        const result = await call(verb, 'headers', { headers, data: 5 })
        assert.ok(result.headers instanceof ipc.Headers)
        assert.equal(result[3], result.headers)
        assert.deepEqual([...result.headers], [['content-type', 'Text/Plain'], ['set-cookie', 'A=1'], ['set-cookie', 'B=2'], ['x-one', 'é']])
        assert.deepEqual([result.err, result.data], [null, 5])
        assert.equal(result.toJSON().headers['x-one'], 'é')
        const failed = await call(verb, 'headers', { headers, fail: 'no' })
        assert.deepEqual([failed.err.message, failed.data, failed.headers.get('X-ONE')], ['no', null, 'é'])
        assert.equal((await call(verb, 'ping')).headers, null)
      }
    })

    await t.test('headers go with a request, in every form that Headers.from takes', async () => {
      const given = [{ Accept: 'a', b: 1 }, [['Accept', 'a'], ['b', '1']], 'Accept: a\nb: 1', new Map([['accept', 'a'], ['b', '1']]), new globalThis.Headers({ accept: 'a', b: '1' })]
      for (const headers of given) {
        for (const verb of verbs) {
          const result = await call(verb, 'headers.back', { x: 1 }, { headers })
          assert.deepEqual([...result.headers], [['accept', 'a'], ['b', '1']])
          assert.deepEqual(result.data, { x: 1 })
        }
      }
      for (const verb of verbs) assert.equal((await call(verb, 'ping', null, { headers: [['a b', '1']] })).err.name, 'TypeError')
    })

    await t.test('what cannot travel is the error of the result', async () => {
      const circle = {}
      circle.circle = circle
      for (const verb of verbs) assert.equal((await call(verb, 'echo', circle)).err.name, 'TypeError')
      assert.equal((await ipc.send('ping')).data, 'pong')
    })

    await t.test('many calls at once each get their own result', async () => {
      const results = await Promise.all(Array.from({ length: 5000 }, (_, i) => ipc.send('echo', { i })))
      results.forEach(({ data }, i) => assert.deepEqual(data, { i }))
    })

    await t.test('sendSync blocks while asynchronous calls are under way, and disturbs none', async () => {
      const pending = Array.from({ length: 200 }, (_, i) => ipc.request('echo', i + 1))
      for (let i = 0; i < 200; i++) assert.equal(ipc.sendSync('echo', -i - 1).data, -i - 1)
      const results = await Promise.all(pending)
      results.forEach(({ data }, i) => assert.equal(data, i + 1))
    })
  })
}

const long = { ms: 60_000 }

withHost('time and giving up', nodeHost, async t => {
  for (const verb of verbs) {
    await t.test(`${verb} ends with its time`, async () => {
      const { err, source } = await call(verb, 'wait', long, { timeout: 20 })
      assert.equal(err.name, 'TimeoutError')
      assert.equal(err.code, 'TIMEOUT_ERR')
      assert.equal(err.message, `ipc.${verb} timed out`)
      assert.equal(source, 'wait')
    })
  }

  for (const verb of ['send', 'request', 'write']) {
    await t.test(`${verb} ends with its signal`, async () => {
      const controller = new AbortController()
      const pending = call(verb, 'wait', long, { signal: controller.signal })
      setImmediate(() => controller.abort('enough'))
      const { err, source } = await pending
      assert.equal(err.name, 'AbortError')
      assert.equal(err.message, 'enough')
      assert.equal(err.signal, controller.signal)
      assert.equal(source, 'wait')
    })
  }

  await t.test('an abort after the end changes nothing', async () => {
    const controller = new AbortController()
    const result = await ipc.request('ping', 1, { signal: controller.signal })
    controller.abort()
    assert.equal(result.data, 'pong')
  })

  await t.test('the host hears that its answer is not wanted any more', async () => {
    const waiting = async isDone => {
      for (;;) {
        const { data } = await ipc.send('waiting')
        if (isDone(data)) return data
      }
    }
    // Four timeouts and three signals above; on a busy machine one may have come before its handler had begun.
    const before = await waiting(({ begun, given }) => begun === given)
    assert.ok(before.begun <= 7, `${before.begun}`)
    const controller = new AbortController()
    const pending = ipc.request('wait', long, { signal: controller.signal })
    await waiting(({ begun }) => begun > before.begun)
    controller.abort()
    assert.equal((await pending).err.name, 'AbortError')
    assert.deepEqual(await waiting(({ begun, given }) => begun === given), { begun: before.begun + 1, given: before.given + 1 })
  })

  await t.test('resolve answers a send in the place of the host', async () => {
    const pending = ipc.send('wait', { ...long, seq: 'R555' })
    const heard = new Promise(resolve => events.addEventListener('resolve-0-R555', resolve, { once: true }))
    await ipc.resolve('R555', { data: 'local' })
    assert.deepEqual((await pending).data, 'local')
    assert.deepEqual((await heard).detail, { data: 'local' })
  })

  await t.test("a caller's own number travels exactly, and is refused while it is in flight", async () => {
    const seq = '123456789012345678901234567890'
    assert.equal((await ipc.send('about', { seq: `R${seq}` })).data.seq, seq)
    const controller = new AbortController()
    const first = ipc.send('wait', { ...long, seq }, { signal: controller.signal })
    assert.equal((await ipc.send('about', { seq })).err.name, 'InvalidAccessError')
    controller.abort()
    await first
  })
})

withHost('results', nodeHost, async t => {
  await t.test('primordials are those of the host that was named later', () => {
    assert.equal(ipc.primordials.platform, 'linux')
    assert.equal(typeof ipc.primordials.version.short, 'string')
    assert.ok(Object.isFrozen(ipc.primordials))
  })

  const failures = [
    [{ type: 'NotFoundError', message: 'm', url: 'u' }, 'NotFoundError', 'NOT_FOUND_ERR', { url: 'u' }],
    [{ type: 'TypeError', message: 'm' }, 'TypeError', undefined, {}],
    [{ type: 'InternalError', message: 'm', code: 'ECUSTOM' }, 'InternalError', 'ECUSTOM', {}],
    [{ type: 'Custom', message: 'm', detail: [1] }, 'Error', undefined, { type: 'Custom', detail: [1] }],
    [{ code: -2, message: 'm' }, 'ENOENT', 2, {}]
  ]
  for (const [payload, name, code, members] of failures) {
    await t.test(`an error ${JSON.stringify(payload)}`, async () => {
      const { err } = await ipc.request('fail', payload)
      assert.equal(err.name, name)
      assert.equal(err.code, code)
      assert.equal(err.message, 'm')
      for (const [key, value] of Object.entries(members)) assert.deepEqual(err[key], value)
    })
  }

  await t.test('what a handler throws is the error, whatever it is', async () => {
    assert.equal(String((await ipc.send('throw', { message: 'm' })).err), 'RangeError: m')
    assert.equal((await ipc.send('throw.later')).err.message, 'a text')
    assert.match((await ipc.send('cycle')).err.message, /refers to itself/)
  })

  await t.test('nothing is null', async () => {
    assert.deepEqual([...await ipc.send('nothing')], [null, null, 'nothing', null])
    assert.equal((await ipc.request('nothing', 1, { responseType: 'arraybuffer' })).data.length, 0)
  })

  await t.test('falsy data arrives as it is', async () => {
    for (const value of [0, false, '', null]) assert.equal((await ipc.send('echo', value)).data, value)
  })

  const text = '{"a":1}'
  // responseType, what the host sends, data.
  const bodies = [
    ['', { text }, Buffer.from(text)], ['arraybuffer', { text }, Buffer.from(text)], ['text', { text }, text], ['json', { text }, { a: 1 }],
    ['json', { text: 'x' }, 'x'], ['blob', { text }, null],
    ['', { data: 5, text }, 5], ['arraybuffer', { data: 5, text }, Buffer.from(text)],
    ['text', { data: { a: 1 } }, text], ['json', { data: { a: 1 } }, { a: 1 }], ['arraybuffer', { data: 'hi' }, Buffer.from('hi')]
  ]
  for (const [responseType, sent, data] of bodies) {
    await t.test(`responseType '${responseType}' of ${JSON.stringify(sent)}`, async () => {
      const result = await ipc.request('with.bytes', sent, { responseType })
      assert.ifError(result.err)
      assert.deepEqual(result.data, data)
      assert.deepEqual(ipc.sendSync('with.bytes', sent, { responseType }).data, data)
    })
  }

  await t.test('bodies of sendSync: third or fourth argument, in any form', () => {
    const body = Buffer.from('body')
    for (const args of [[null, body], ['body'], [body], [[...body]], [new Uint8Array(body)], [{}, 'body'], [body, {}]]) {
      assert.equal(ipc.sendSync('bytes', 1, ...args).data?.toString(), 'body')
    }
    assert.equal(ipc.sendSync('bytes', 1).data, null)
  })

  await t.test('sendSync sends an empty text when it is given no value', () => {
    assert.equal(ipc.sendSync('echo').data, '')
    assert.equal(ipc.sendSync('echo', null).data, null)
  })

  await t.test('cached results are those of the same command and parameters, and no errors', async () => {
    const options = { cache: true }
    const first = await ipc.request('count', { a: 1, b: 2 }, options)
    for (const again of [await ipc.send('count', { b: 2, a: 1 }, options), ipc.sendSync('count', { a: 1, b: 2 }, options)]) {
      assert.notEqual(again, first)
      assert.deepEqual(again, first)
      // Each has his own: what is changed here is not what the next one gets.
      again.data = null
    }
    assert.notEqual((await ipc.request('count', { a: 2 }, options)).data, first.data)
    assert.notEqual((await ipc.request('count', { a: 1, b: 2 })).data, first.data)
    const error = await ipc.request('not.there', 1, options)
    assert.notEqual(await ipc.request('not.there', 1, options), error)
  })

  await t.test('names of commands do not depend on case, the source does', async () => {
    assert.deepEqual([...await ipc.send('PING')], [null, 'pong', 'PING', null])
  })
})

withHost('events', nodeHost, async t => {
  const heard = name => new Promise(resolve => events.addEventListener(name, resolve, { once: true }))

  await t.test('what the host emits is an event', async () => {
    const event = heard('changed')
    await ipc.send('emit', { name: 'changed', detail: { a: [1, 2n] } })
    assert.deepEqual((await event).detail, { a: [1, 2n] })
  })

  await t.test('an event of bytes', async () => {
    const event = heard('frame')
    await ipc.write('emit', { name: 'frame' }, Buffer.alloc(100_000, 7))
    assert.ok((await event).detail.equals(Buffer.alloc(100_000, 7)))
  })

  await t.test('an event for one client', async () => {
    const event = heard('mine')
    await ipc.send('emit.back', { name: 'mine', detail: 5 })
    assert.equal((await event).detail, 5)
  })

  await t.test('the event of the name message is one', async () => {
    const event = heard('message')
    await ipc.send('emit', { name: 'message', detail: 'm' })
    assert.ok(await event instanceof MessageEvent)
    assert.equal((await event).data, 'm')
  })

  await t.test('postMessage asks the host, whose answer is an event', async () => {
    const event = heard('resolve-0-R900')
    assert.equal(ipc.postMessage('ipc://echo?a=1&seq=R900'), undefined)
    assert.deepEqual((await event).detail, { data: { a: 1 }, source: 'echo' })
    const error = heard('resolve-0-R901')
    ipc.postMessage('ipc://not.there?seq=R901')
    assert.equal((await error).detail.err.name, 'NotFoundError')
  })

  await t.test('ready waits for a host, and there is one', async () => {
    assert.equal(await ipc.ready(), undefined)
  })
})

before(() => assert.equal(ipc.sendSync('ping').err.name, 'NetworkError'))
after(disconnect)

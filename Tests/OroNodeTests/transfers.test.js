// SPDX-License-Identifier: Apache-2.0
'use strict'
// Sections 10.1, 14 and 15 of the module's description, every row. Section 20: rows 16 (cycles end), 24 (a view's own bytes; empty buffers come back), 30
// (the caller's message is not changed).

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { load } = require('./package.js')
const { IPCMessagePort, findIPCMessageTransfers, findMessageTransfers, inflateIPCMessageTransfers } = load('ipc.js')

const shared = new SharedArrayBuffer(4)
const buffer = new ArrayBuffer(4)
const bytes = new Uint8Array([104, 105])
const given = []

const finds = [
  ['views and buffers', [[], { a: bytes, b: [buffer] }], [bytes.buffer, buffer]],
  ['one buffer twice', [[], [shared, new Uint8Array(shared)]], [shared]],
  ['null', [[1], null], [1]], ['a text', [[], 'text'], []],
  ['a DataView', [[], new DataView(shared)], [shared]],
  ['a map', [[], new Map([[1, shared]])], []],
  ['inherited members', [[], Object.create({ a: buffer })], [buffer]],
  ['what the list has already', [[buffer], { a: buffer }], [buffer]]
]

for (const [name, args, found] of finds) {
  test(`findMessageTransfers of ${name}`, () => {
    const transfers = findMessageTransfers(...args)
    assert.equal(transfers, args[0])
    assert.equal(transfers.length, found.length)
    found.forEach((each, i) => assert.equal(transfers[i], each))
  })
}

test('findMessageTransfers ends with a cycle', () => {
  const circle = { buffer }
  circle.circle = [circle]
  assert.deepEqual(findMessageTransfers(given, circle), [buffer])
})

const find = object => {
  const transfers = new Set()
  return { answer: findIPCMessageTransfers(transfers, object), transfers: [...transfers] }
}
const tag = data => ({ __type__: 'Buffer', data })

const doubles = new Float64Array([1.5])
const tags = [
  ['a typed array', bytes, 'aGk='], ['an ArrayBuffer', bytes.buffer, 'aGk='], ['an empty buffer', new Uint8Array(0), ''],
  ['a part of a buffer', new Uint8Array(bytes.buffer, 1), 'aQ=='], ['a DataView', new DataView(bytes.buffer), 'aGk='],
  ['doubles', doubles, Buffer.from(doubles.buffer).toString('base64')]
]

for (const [name, view, data] of tags) {
  test(`findIPCMessageTransfers of ${name}`, () => {
    const { answer, transfers } = find(view)
    assert.deepEqual(answer, tag(data))
    assert.deepEqual(transfers, [ArrayBuffer.isView(view) ? view.buffer : view])
  })
}

test('findIPCMessageTransfers leaves what the caller has as it was', () => {
  const message = { a: [bytes, 1], b: { c: 'text' } }
  const { answer, transfers } = find(message)
  assert.deepEqual(answer, { a: [tag('aGk='), 1], b: { c: 'text' } })
  assert.equal(answer.b, message.b)
  assert.equal(message.a[0], bytes)
  assert.deepEqual(transfers, [bytes.buffer])
})

for (const [name, value] of [['a map', new Map()], ['a date', new Date()], ['an error', new Error('e')], ['a function', () => {}],
  ['null', null], ['5', 5], ['an instance', new (class { a = bytes })()], ['an object without buffers', { a: [1] }]]) {
  test(`findIPCMessageTransfers of ${name} is itself`, () => {
    const { answer, transfers } = find(value)
    assert.equal(answer, value)
    assert.deepEqual(transfers, [])
  })
}

test('findIPCMessageTransfers of ports', t => {
  const port = IPCMessagePort.create()
  assert.deepEqual(find({ port }).answer, { port })
  assert.deepEqual(find({ port }).transfers, [port])
  const { port1, port2 } = new MessageChannel()
  const transfers = new Set([port1])
  const { port: bridge } = findIPCMessageTransfers(transfers, { port: port1 })
  assert.ok(bridge instanceof IPCMessagePort)
  assert.deepEqual([...transfers], [bridge])
  for (const each of [port, bridge, port2]) each.close()
})

test('findIPCMessageTransfers ends with a cycle', () => {
  const circle = { bytes }
  circle.circle = circle
  const { answer } = find(circle)
  assert.deepEqual(answer.bytes, tag('aGk='))
  assert.equal(answer.circle, answer)
})

test('inflateIPCMessageTransfers of buffers, in place', () => {
  const message = { a: tag('aGk='), b: [tag('')], c: bytes }
  assert.equal(inflateIPCMessageTransfers(message), message)
  assert.ok(Buffer.isBuffer(message.a))
  assert.equal(message.a.toString(), 'hi')
  assert.equal(message.b[0].length, 0)
  assert.equal(message.c, bytes)
})

test('inflateIPCMessageTransfers of a port', () => {
  const tagOfPort = { __type__: 'IPCMessagePort', id: '77', rx: '1', tx: '2' }
  const port = inflateIPCMessageTransfers(tagOfPort)
  assert.equal(port, IPCMessagePort.ports.get('77'))
  port.close()
  const nameless = { __type__: 'IPCMessagePort' }
  assert.equal(inflateIPCMessageTransfers(nameless), nameless)
})

test('inflateIPCMessageTransfers of registered types, before its own', () => {
  class From { static from (object) { return `from ${object.v}` } }
  class New { constructor (object) { this.v = object.v } }
  const types = new Map([['From', From], ['New', New], ['Buffer', From], ['Nothing', 5]])
  assert.equal(inflateIPCMessageTransfers({ __type__: 'From', v: 1 }, types), 'from 1')
  assert.ok(inflateIPCMessageTransfers({ __type__: 'New', v: 1 }, types) instanceof New)
  assert.equal(inflateIPCMessageTransfers({ __type__: 'Buffer', v: 2 }, types), 'from 2')
  const ignored = { __type__: 'Nothing' }
  assert.equal(inflateIPCMessageTransfers(ignored, types), ignored)
})

for (const value of ['text', 5, null, new Map(), new Set(), new Date()]) {
  test(`inflateIPCMessageTransfers of ${String(value)} is itself`, () => assert.equal(inflateIPCMessageTransfers(value), value))
}

test('inflateIPCMessageTransfers ends with a cycle', () => {
  const circle = { a: tag('aGk=') }
  circle.circle = circle
  assert.equal(inflateIPCMessageTransfers(circle).a.toString(), 'hi')
})

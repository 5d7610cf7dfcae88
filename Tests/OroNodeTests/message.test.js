// SPDX-License-Identifier: Apache-2.0
'use strict'
// Section 7 of the module's description, every row. Rows that section 20 changes are as it decides them: 7 (delete), 9 (names), 10 (queries are merged),
// 11 (objects are JSON), 12 (bytes are copied), 13 (entries, params and values are like get), 14 (json of the raw text).

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { load } = require('./package.js')
const { Message } = load('ipc.js')

const names = [
  ['ipc://foo?x=1', 'foo'], ['ipc://foo/bar', 'foo'], ['ipc://u:p@foo:80/p', 'foo'], ['ipc://a%20b', 'a%20b'],
  ['ipc://ünï', '%C3%BCn%C3%AF'], ['ipc:foo', 'foo'], ['ipc:/foo', 'foo'], ['ipc:///foo', 'foo'], ['ipc:////foo', 'foo'],
  ['IPC://Foo', 'Foo'], ['ipc://', '']
]

for (const [href, name] of names) {
  test(`the name of ${href}`, () => {
    const message = new Message(href)
    assert.equal(message.name, name)
    assert.equal(message.command, name)
  })
}

test('a message is a URL with members of its own', () => {
  const message = Message.from('t', { a: 1, seq: 'R1', index: 2, id: 5, value: 'v' })
  assert.ok(message instanceof URL)
  assert.equal(Message.PROTOCOL, 'ipc:')
  assert.deepEqual(Object.keys(message), ['bytes', 'command', 'seq', 'index', 'id', 'value', 'params'])
  const { bytes, command, seq, index, id, value, params } = { ...message }
  assert.deepEqual({ bytes, command, seq, index, id, value, params }, {
    bytes: null, command: 't', seq: 'R1', index: 2, id: '5', value: 'v',
    params: { a: 1, seq: 'R1', index: 2, id: 5, value: 'v' }
  })
  assert.throws(() => { message.command = 'x' }, TypeError)
  assert.equal(String(message), message.href)
  assert.equal(JSON.stringify(message), JSON.stringify(message.href))
})

test('another protocol throws, also in a class that says otherwise', () => {
  const wrong = { name: 'TypeError', message: "Invalid protocol in input. Expected 'ipc:' but got 'http:'" }
  assert.throws(() => new Message('http://x'), wrong)
  class Other extends Message { static get PROTOCOL () { return 'http:' } }
  assert.throws(() => new Other('http://x'), wrong)
})

const buffer = text => Buffer.from(text)

// Name, input, parameters, bytes, href, bytes of the message.
const froms = [
  ['a name', ['test'], 'ipc://test', null],
  ['a name with parameters', ['test', { foo: 'bar' }], 'ipc://test?foo=bar', null],
  ['a URL', ['ipc://test?a=1'], 'ipc://test?a=1', null],
  ['a URL and parameters', ['ipc://test?a=1', { b: 2 }], 'ipc://test?a=1&b=2', null],
  ['a URL and a parameter it has', ['ipc://test?a=1&c=3', { a: 2 }], 'ipc://test?c=3&a=2', null],
  ['a name with a query and parameters', ['test?a=1', { b: 2 }], 'ipc://test?a=1&b=2', null],
  ['an empty name', [''], 'ipc://', null],
  ['null', [null], 'ipc://null', null], ['undefined', [undefined], 'ipc://undefined', null], ['5', [5], 'ipc://5', null],
  ['a text of another protocol', ['http://x'], 'ipc://http//x', null],
  ['the protocol in capitals', ['IPC://Test'], 'ipc://IPC//Test', null],
  ['a path', ['a/b/c'], 'ipc://a/b/c', null],
  ['a Buffer', [buffer('ipc://t?a=1')], 'ipc://t?a=1', null],
  ['a Uint8Array', [new Uint8Array(buffer('ipc://t?a=1'))], 'ipc://t?a=1', null],
  ['an ArrayBuffer', [new Uint8Array(buffer('ipc://t?a=1')).buffer], 'ipc://t?a=1', null],
  ['a query', ['t', 'a=1&b=2'], 'ipc://t?a=1&b=2', null], ['a query with its mark', ['t', '?a=1&b=2'], 'ipc://t?a=1&b=2', null],
  ['URLSearchParams', ['t', new URLSearchParams('a=1&a=2')], 'ipc://t?a=1&a=2', null],
  ['a map', ['t', new Map([['a', 1]])], 'ipc://t?a=1', null],
  ['pairs', ['t', [['a', 1], ['a', 2]]], 'ipc://t?a=1&a=2', null],
  ['values of all kinds', ['t', { a: { x: 1 }, b: [1, 2], c: null, d: undefined, e: 'x y' }],
    'ipc://t?a=%7B%22x%22%3A1%7D&b=%5B1%2C2%5D&c=null&d=undefined&e=x+y', null],
  ['no parameters in an object', ['t', {}], 'ipc://t?', null],
  ['parameters that are bytes', ['t', buffer('b')], 'ipc://t', 'b'],
  ['bytes that are a text', ['t', { a: 1 }, 'hello'], 'ipc://t?a=1', 'hello'],
  ['bytes that are numbers', ['t', null, [104, 105]], 'ipc://t', 'hi'],
  ['no bytes', ['t', {}, ''], 'ipc://t?', null],
  ['an object', [{ command: 't', params: { a: 1 } }, { b: 2 }], 'ipc://t?a=1&b=2', null],
  ['an object and a parameter it has', [{ command: 't', params: { a: 1 } }, { a: 2 }], 'ipc://t?a=2', null],
  ['an object and a query', [{ command: 't', params: { a: 1 } }, 'b=2'], 'ipc://t?a=1&b=2', null],
  ['an empty object', [{}], 'ipc://undefined?', null],
  ['a URL object', [new URL('ipc://t?a=1'), { b: 2 }], 'ipc://t?a=1', null],
  ['a URL object of another protocol', [new URL('http://u.v/?q=1')], 'ipc://http//u.v/?q=1', null],
  ['a message', [Message.from('t', { a: 1 }, 'x')], 'ipc://t?a=1', 'x'],
  ['a message, with other bytes', [Message.from('t', null, 'x'), undefined, 'y'], 'ipc://t', 'y'],
  ['a message and parameters', [Message.from('t', { a: 1 }), { a: { x: 1 } }], 'ipc://t?a=%7B%22x%22%3A1%7D', null],
  ['a message and a map', [Message.from('t'), new Map([['a', 1]])], 'ipc://t?a=1', null],
  ['a message and a query', [Message.from('t', { a: 1 }), 'b=2'], 'ipc://t?a=1&b=2', null],
  ['a message and null', [Message.from('t'), null], 'ipc://t', null],
  ['a message and bytes', [Message.from('t'), buffer('b')], 'ipc://t', 'b']
]

for (const [name, args, href, bytes] of froms) {
  test(`Message.from ${name}`, () => {
    const message = Message.from(...args)
    assert.ok(message instanceof Message)
    assert.equal(message.href, href)
    assert.equal(message.bytes === null ? null : message.bytes.toString(), bytes)
    assert.notEqual(message, args[0])
  })
}

test('the bytes are a copy', () => {
  const bytes = buffer('abc')
  const message = Message.from('t', null, bytes)
  bytes[0] = 0
  assert.equal(message.bytes.toString(), 'abc')
  assert.notEqual(Message.from(message).bytes, message.bytes)
})

for (const text of ['ipc:test', 'a b', 'a^b', 'a<b']) {
  test(`Message.from ${JSON.stringify(text)} throws`, () => assert.throws(() => Message.from(text), TypeError))
}

test('an object with another protocol throws', () => {
  assert.throws(() => Message.from({ protocol: 'foo:', command: 't' }), /Invalid protocol in input/)
})

const inputs = [
  ['ipc://a', true], ['ipc://a b', true], [buffer('ipc://a'), true], [Message.from('a'), true], [{ toString: () => 'ipc://a' }, true],
  ['ipc://', false], ['test', false], ['ipc:x', false], ['IPC://x', false], [null, false], [new Uint8Array(buffer('ipc://a')), false],
  [Object.create(null), false]
]

for (const [input, isValid] of inputs) {
  test(`isValidInput of ${typeof input} is ${isValid}`, () => assert.equal(Message.isValidInput(input), isValid))
}

// Query, get, value in params.
const queries = [
  ['k=', ''], ['k', ''], ['k=abc', 'abc'], ['k=null', 'null'], ['k=""', ''], ['k=true', true], ['k=false', false],
  ['k=0', 0], ['k=1', 1], ['k={"a":1}', { a: 1 }], ['k=[1]', [1]], ['k=9007199254740993', 9007199254740992],
  ['k=a+b', 'a b'], ['k=a%20b', 'a b'], ['k=a%2Bb', 'a+b'], ['k=%zz', '%zz'], ['K=1&k=2', 2]
]

for (const [query, value] of queries) {
  test(`a parameter of ${query}`, () => {
    const message = new Message(`ipc://t?${query}`)
    assert.deepEqual(message.get('k'), value)
    assert.deepEqual(message.params.k, value)
    assert.deepEqual(message.entries().at(-1), ['k', value])
    assert.deepEqual(message.values().at(-1), value)
    assert.equal(message.has('k'), true)
  })
}

test('parameters that are absent or come twice', () => {
  const message = new Message('ipc://t?k=1&k=2#k=3')
  assert.equal(message.get('x'), undefined)
  assert.equal(message.get('x', 'd'), 'd')
  assert.equal(message.get('k'), 1)
  assert.deepEqual(message.params, { k: 2 })
  assert.deepEqual(message.rawParams, { k: '2' })
  assert.deepEqual(message.entries(), [['k', 1], ['k', 2]])
  assert.deepEqual(message.keys(), ['k', 'k'])
  assert.deepEqual(message.values(), [1, 2])
  assert.equal(message.set('k', { a: 1 }), undefined)
  assert.deepEqual(message.entries(), [['k', { a: 1 }]])
  assert.equal(message.delete('k'), true)
  assert.equal(message.delete('k'), false)
  assert.equal(message.has('k'), false)
})

for (const [value, text] of [[null, 'null'], [undefined, 'undefined'], [1n, '1'], [{ a: 1 }, '{"a":1}'], [[1], '[1]'], ['', '']]) {
  test(`set of ${typeof value} ${String(value)}`, () => {
    const message = Message.from('t')
    message.set('k', value)
    assert.equal(message.rawParams.k, text)
  })
}

test('what has no text cannot be set', () => {
  const circle = {}
  circle.circle = circle
  assert.throws(() => Message.from('t').set('k', Symbol('s')), TypeError)
  assert.throws(() => Message.from('t').set('k', circle), TypeError)
})

const indexes = [
  ['', -1], ['index=', -1], ['index=abc', -1], ['index=null', -1], ['index=true', -1], ['index=1e400', -1], ['index=3', 3],
  ['index=-3', -3], ['index=1.9', 1], ['index=1e3', 1000], ['index=0x10', 16], ['index=12abc', 12], ['index=[7]', 7], ['index=1&index=2', 1]
]

for (const [query, index] of indexes) {
  test(`index of ?${query}`, () => assert.equal(new Message(`ipc://t?${query}`).index, index))
}

for (const [query, seq] of [['', null], ['seq=R1', 'R1'], ['seq=1', 1], ['seq=', ''], ['seq=-1', -1]]) {
  test(`seq of ?${query}`, () => assert.equal(new Message(`ipc://t?${query}`).seq, seq))
}

const values = [
  ['', null, null], ['value=5', 5, 5], ['value=false', false, false], ['value=hello', 'hello', null],
  ['value={"a":1}', { a: 1 }, { a: 1 }], ['value=[1]', [1], [1]], ['value="5"', '5', '5']
]

for (const [query, value, json] of values) {
  test(`value and json of ?${query}`, () => {
    const message = new Message(`ipc://t?${query}`)
    assert.deepEqual(message.value, value)
    assert.deepEqual(message.json, json)
  })
}

// SPDX-License-Identifier: Apache-2.0
'use strict'
// Section 8 of the module's description, every row; those with [Q 6] and [Q 15] as section 20 decides them.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { load } = require('./package.js')
const { Headers, Result } = load('ipc.js')

test('a result has its fields, as members and as a list', () => {
  const error = new Error('e')
  const result = new Result('7', error, 1, 's', 'a: B')
  assert.deepEqual(Object.keys(result), ['id', 'err', 'data', 'source', 'headers'])
  assert.deepEqual([result[0], result[1], result[2], result[3]], [error, 1, 's', result.headers])
  const [err, data, source, headers] = result
  assert.deepEqual([err, data, source, headers.get('a')], [error, 1, 's', 'B'])
  assert.equal(result.length, 4)
  result.data = undefined
  assert.equal(result.length, 3)
  assert.deepEqual([...result], [error, 's', result.headers])
  result.err = null
  assert.equal(result[0], null)
})

test('what is left out of a result has its default', () => {
  const result = new Result()
  assert.match(result.id, /^\d{1,20}$/)
  assert.notEqual(new Result().id, result.id)
  assert.deepEqual([...result], [null, null, null, null])
  assert.equal(new Result(null).id, null)
  for (const source of ['', 5, undefined, {}]) assert.equal(new Result(null, null, null, source).source, null)
  assert.ok(new Result(null, null, null, null, { a: 1 }).headers instanceof Headers)
})

const symbol = Symbol('s')
const callback = () => {}
const bytes = Buffer.from('b')
const boom = new Error('boom')
const two = new Error('two')
const object = { a: 1 }

// Arguments, then: id, message of err, data, source, entries of headers.
const rows = [
  ...[null, undefined].map(nothing => [[nothing], null, null, null, null]),
  ...[5, 0, '', 'hi', true, false, 5n, [1, 2], callback, symbol].map(value => [[value], null, null, value, null]),
  [[{}], null, null, {}, null], [[object], null, null, object, null], [[object, null, 'c'], null, null, object, 'c'],
  ...[1, 0, false, ''].map(data => [[{ data }], null, null, data, null]),
  [[{ data: null }], null, null, null, null], [[{ data: undefined }], null, null, null, null],
  [[{ data: null, source: 's' }], null, null, null, 's'],
  [[{ err: null, data: 1 }], null, null, 1, null],
  [[{ err: null }], null, null, null, null],
  ...['', 0, false].map(err => [[{ err }], null, null, null, null]),
  [[{ err: {} }], null, '', null, null],
  [[{ err: { message: 'x' }, data: 1 }], null, 'x', null, null],
  [[{ err: 'x' }], null, 'x', null, null],
  [[{ id: 7 }], 7, null, null, null], [[{ id: 7, data: 1 }], 7, null, 1, null],
  [[{ id: 0, a: 1 }], null, null, { id: 0, a: 1 }, null], [[{ id: '', a: 1 }], null, null, { id: '', a: 1 }, null],
  [[{ source: 's' }], null, null, null, 's'], [[{ source: 5, data: 1 }], null, null, 1, null],
  [[boom], null, 'boom', null, null], [[boom, two, 'cmd'], null, 'boom', null, 'cmd'],
  [[null, two], null, 'two', null, null], [[null, two, 'c'], null, 'two', null, 'c'],
  [[null, 'cmd'], null, null, null, 'cmd'], [[{ data: 1 }, 'cmd'], null, null, 1, 'cmd'],
  [[{ data: 1 }, 'cmd', 's2'], null, 'cmd', null, 's2'],
  [[{ data: 1 }, { message: 'm' }, 'c'], null, 'm', null, 'c'],
  [[bytes, null, 'c'], null, null, bytes, 'c'],
  [[{ data: 1 }, null, 'c', 'a: B'], null, null, 1, 'c', [['a', 'B']]],
  [[{ data: 1, headers: { a: 'B' } }, null, 'c', { z: 1 }], null, null, 1, 'c', [['a', 'B']]]
]

rows.forEach(([args, id, message, data, source, headers], row) => {
  test(`Result.from, row ${row + 1}: ${args.map(String)}`, () => {
    const result = Result.from(...args)
    assert.ok(result instanceof Result)
    assert.equal(result.id, id)
    assert.equal(result.err && result.err.message, message)
    assert.deepEqual(result.data, data)
    assert.equal(result.source, source)
    assert.deepEqual(result.headers && [...result.headers], headers ?? null)
  })
})

test('Result.from keeps an Error and the object it was given', () => {
  assert.equal(Result.from(boom).err, boom)
  assert.equal(Result.from(object).data, object)
})

test('Result.from of a result fills in what it lacks, unconverted', () => {
  const result = new Result('1', null, 5)
  const headers = { a: 1 }
  assert.equal(Result.from(result, boom, 'c', headers), result)
  assert.deepEqual([...result], [boom, 5, 'c', headers])
  assert.equal(result.id, '1')
  Result.from(result, two, 'd', {})
  assert.deepEqual([...result], [boom, 5, 'c', headers])
})

test('toJSON', () => {
  const result = Result.from({ err: { type: 'NotFoundError', message: 'm', url: 'u' }, source: 'q' })
  assert.equal(JSON.stringify(result.toJSON().err), '{"message":"m","name":"NotFoundError","type":"","code":"NOT_FOUND_ERR","url":"u"}')
  assert.equal(result.toJSON().source, 'q')
  assert.deepEqual(Result.from(new Error('e')).toJSON().err, { message: 'e', name: 'Error', type: '', code: '' })
  assert.deepEqual(Result.from({ data: 1 }, null, 'c', 'a: B').toJSON(), { headers: { a: 'B' }, source: 'c', data: 1, err: null })
  assert.deepEqual(new Result().toJSON(), { headers: null, source: null, data: null, err: null })
})

// SPDX-License-Identifier: Apache-2.0
'use strict'
// Section 6 of the module's description, every row; values keep their case, and pairs are pairs (section 20, rows 2 and 8).

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { load } = require('./package.js')
const { Headers } = load('ipc.js')

class Request { // As an XMLHttpRequest answers.
  getAllResponseHeaders () { return 'A: X\r\n' }
}

const rows = [
  ['undefined', undefined, []], ['null', null, []], ["''", '', []], ['5', 5, []], ['[]', [], []],
  ['a text of lines', 'Content-Type: Text/HTML\r\nX-A: 1\r\nX-A: 2\r\nbad\r\nx-empty:\r\n', [['content-type', 'Text/HTML'], ['x-a', '1, 2']]],
  ['a value with a colon', 'a: b:c', [['a', 'b:c']]],
  ['cookies', 'set-cookie: A=1\nset-cookie: B=2', [['set-cookie', 'A=1'], ['set-cookie', 'B=2']]],
  ['lines', ['a: 1', 'b:2'], [['a', '1'], ['b', '2']]],
  ['pairs', [['a', '1'], ['b', '2']], [['a', '1'], ['b', '2']]],
  ['an object', { A: 'X', b: 2 }, [['a', 'X'], ['b', '2']]],
  ['a map', new Map([['A', 'X']]), [['a', 'X']]],
  ["the platform's headers", new globalThis.Headers({ A: 'X' }), [['a', 'X']]],
  ['an object with headers', { headers: { A: 'X' } }, [['a', 'X']]],
  ['URLSearchParams', new URLSearchParams('a=1&a=2'), [['a', '1, 2']]],
  ['headers that are a text', { headers: 'a: X' }, [['headers', 'a: X']]],
  ['headers that are null', { headers: null }, [['headers', 'null']]],
  ['a response', new Response('', { headers: { A: 'X' } }), [['a', 'X'], ['content-type', 'text/plain;charset=UTF-8']]],
  ['an XMLHttpRequest', new Request(), [['a', 'X']]]
]

for (const [name, input, entries] of rows) {
  test(`Headers.from of ${name}`, () => {
    const headers = Headers.from(input)
    assert.ok(headers instanceof Headers)
    assert.ok(headers instanceof globalThis.Headers)
    assert.deepEqual([...headers], entries)
    assert.equal(headers.length, entries.length)
  })
}

test('a name that is none throws a TypeError', () => {
  assert.throws(() => Headers.from('a b: 1'), TypeError)
})

test('toJSON is an object; of several cookies the last', () => {
  assert.deepEqual(Headers.from('a: 1\nset-cookie: A=1\nset-cookie: B=2').toJSON(), { a: '1', 'set-cookie': 'B=2' })
})

test("the platform's methods remain", () => {
  const headers = Headers.from({ b: 1, a: 2 })
  headers.append('a', '3')
  assert.equal(headers.get('A'), '2, 3')
  assert.deepEqual([...headers.keys()], ['a', 'b'])
  headers.delete('a')
  assert.equal(headers.has('a'), false)
})

// SPDX-License-Identifier: Apache-2.0
'use strict'
// Values as bytes: the golden vectors of docs/wire-format.md, both ways. Left out: frames, which the engine makes and reads; integers
// beyond what a number holds exactly and doubles with an integer's value, which JavaScript cannot tell from others when it encodes.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')
const { load, root } = require('./package.js')
const { decodeValue } = load('lib/value-decoder.js')
const { encodeValue, encoded } = load('lib/value-encoder.js')

/** The rows of a table under a heading: its first two columns. */
function rowsUnder (heading) {
  const text = fs.readFileSync(path.join(root, 'docs', 'wire-format.md'), 'utf8')
  const section = text.slice(text.indexOf(`### ${heading}\n`)).split('\n### ')[0]
  const rows = [...section.matchAll(/^\| (.*) \| (.*) \|$/gm)].map(([, bytes, meaning]) => [bytes.replaceAll('`', '').trim(), meaning])
  return rows.filter(([bytes]) => bytes !== 'bytes')
}

/** `61*32` is the byte 61, 32 times. */
function bytesOf (text) {
  const parts = text.split(' ').filter(Boolean).map(part => {
    const [byte, count = 1] = part.split('*')
    return Buffer.alloc(Number(count), parseInt(byte, 16))
  })
  return Buffer.concat(parts)
}

function meaningOf (text) {
  const [kind, ...rest] = text.split(' ')
  const what = rest.join(' ')
  switch (kind) {
    case 'bigint': return BigInt(what)
    case 'double': return { nan: NaN, inf: Infinity, '-inf': -Infinity }[what]
    case 'bytes': return bytesOf(what)
    case 'string': return what.split('*')[0].repeat(Number(what.split('*')[1]))
    case 'array': return Array(Number(what.split('*')[1])).fill(JSON.parse(what.split('*')[0]))
    default: return /^-?\d{17,}$/.test(text) ? BigInt(text) : JSON.parse(text)
  }
}

function encode (value) {
  const count = encodeValue(value)
  return Buffer.from(encoded().subarray(0, count))
}

const golden = rowsUnder('Values')
test('the vectors are found', () => assert.ok(golden.length > 40))

for (const [text, meaning] of golden) {
  test(`${text} is ${meaning}`, () => {
    const value = meaningOf(meaning)
    assert.deepStrictEqual(decodeValue(bytesOf(text)), value)
    const isBeyond = typeof value === 'bigint' && !meaning.startsWith('bigint')
    const isWhole = meaning === '0.0'
    if (!isBeyond && !isWhole) assert.equal(encode(value).toString('hex'), bytesOf(text).toString('hex'))
  })
}

const refused = rowsUnder('Refused values').filter(([bytes]) => bytes !== '')
test('the refused vectors are found', () => assert.ok(refused.length > 20))

for (const [text, reason] of refused) {
  test(`${text} is refused: ${reason}`, () => {
    assert.throws(() => decodeValue(bytesOf(text)), { name: 'EncodingError', code: 'ENCODING_ERR' })
  })
}

test('no bytes are no value', () => {
  assert.equal(decodeValue(Buffer.alloc(0)), undefined)
  assert.equal(encodeValue(undefined), 0)
})

const tree = new Map([['k', new Set([1, 'é', null])]])
// What is encoded, what comes out.
const kinds = [
  ['members that are undefined or functions are left out', { a: undefined, b: () => {}, c: 1, d: Symbol('s') }, { c: 1 }],
  ['such elements are null', [undefined, () => {}, Symbol('s'), 1], [null, null, null, 1]],
  ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
  ['what toJSON says', { toJSON: () => ({ a: 1 }) }, { a: 1 }],
  ['maps and sets', tree, { k: [1, 'é', null] }],
  ['boxed values', [Object('s'), Object(5), Object(false)], ['s', 5, false]],
  ['an error', new RangeError('r'), { type: 'RangeError', message: 'r' }],
  ['a view that is a part of its buffer', new Uint16Array(new Uint8Array([1, 2, 3, 4]).buffer, 2), Buffer.from([3, 4])],
  ['an ArrayBuffer', new Uint8Array([1]).buffer, Buffer.from([1])],
  ['a member named __proto__', JSON.parse('{"__proto__":{"a":1}}'), JSON.parse('{"__proto__":{"a":1}}')],
  ['a lone surrogate', '\ud800', '\ufffd'],
  ['texts around the limits of their kinds', [23, 24, 31, 32, 255, 256].map(n => 'é'.repeat(n) + 'a'.repeat(n)),
    [23, 24, 31, 32, 255, 256].map(n => 'é'.repeat(n) + 'a'.repeat(n))],
  ['integers around the limits of a number', [2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 53, 2 ** 40], [2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 53, 2 ** 40]]
]

for (const [name, value, decoded] of kinds) {
  test(name, () => assert.deepStrictEqual(decodeValue(encode(value)), decoded))
}

test('what cannot be sent throws a TypeError', () => {
  const circle = {}
  circle.circle = circle
  for (const value of [circle, Symbol('s'), () => {}, 1n << 200000n]) assert.throws(() => encodeValue(value), TypeError)
})

test('values that outgrow the memory are whole', () => {
  const value = { a: Array(1000).fill('x'.repeat(500)), b: Buffer.alloc(300000, 7) }
  // Not `deepStrictEqual`, whose report of a difference would print all of it.
  const decoded = decodeValue(encode(value))
  assert.ok(decoded.b.equals(value.b))
  assert.equal(decoded.a.join(), value.a.join())
})

test('any bytes give a value or an EncodingError, and what is a value encodes to the same bytes', () => {
  let state = 12345
  const random = below => { state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff; return state % below }
  let values = 0
  for (let i = 0; i < 20000; i++) {
    const bytes = Buffer.from(Array.from({ length: random(12) }, () => [random(256), 0xc0 + random(32), random(4)][random(3)]))
    let value
    try {
      value = decodeValue(bytes)
    } catch (error) {
      assert.equal(error.name, 'EncodingError')
      continue
    }
    values += 1
    const again = encode(value)
    assert.deepStrictEqual(decodeValue(again), value)
  }
  assert.ok(values > 1000)
})

// SPDX-License-Identifier: Apache-2.0
'use strict'
// Section 4 of the module's description, every row.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { load } = require('./package.js')
const { parseSeq } = load('ipc.js')

const refused = Symbol('throws a SyntaxError')

const rows = [
  ['R12', 12, 12n], ['r12', 12, 12n], ['12', 12, 12n], [12, 12, 12n], [12n, 12, 12n], ['R12n', 12, 12n],
  ['r7n', 7, 7n],
  ['', NaN, 0n], ['R', NaN, 0n], ['n', NaN, 0n], ['Rn', NaN, 0n],
  ['abc', NaN, refused], ['RR12', NaN, refused],
  ['-1', -1, -1n], ['R-1', -1, -1n],
  ['+5', 5, 5n],
  ['0x10', 16, 16n], ['R0x10', 16, 16n],
  ['0b11', 0, 3n],
  ['0777', 777, 777n],
  ['1e3', 1, refused],
  [1e21, 1, refused],
  [12.9, 12, refused], ['12.9', 12, refused],
  ['12abc', 12, refused], ['1_000', 1, refused],
  [' 12 ', 12, 12n], ['R12\n', 12, 12n],
  ['R12nn', 12, refused], ['r12N', 12, refused],
  ['9007199254740993', 9007199254740992, 9007199254740993n],
  ['R18446744073709551615', 18446744073709552000, 18446744073709551615n],
  ['18446744073709551616', 18446744073709552000, 18446744073709551616n],
  ['-18446744073709551616', -18446744073709552000, -18446744073709551616n],
  [null, NaN, refused], [undefined, NaN, refused], [true, NaN, refused], [{}, NaN, refused], [NaN, NaN, refused],
  ['Infinity', NaN, refused],
  [[7], 7, 7n]
]

for (const [seq, number, bigint] of rows) {
  test(`parseSeq of ${typeof seq} ${JSON.stringify(String(seq))}`, () => {
    assert.equal(parseSeq(seq), number)
    if (bigint === refused) assert.throws(() => parseSeq(seq, { bigint: true }), SyntaxError)
    else assert.equal(parseSeq(seq, { bigint: true }), bigint)
  })
}

for (const options of [{ bigint: 1 }, { bigint: 'true' }, null, undefined]) {
  test(`parseSeq gives a number with the options ${JSON.stringify(options)}`, () => {
    assert.equal(parseSeq('R12', options), 12)
  })
}

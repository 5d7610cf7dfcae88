// SPDX-License-Identifier: Apache-2.0
'use strict'
// Section 9 of the module's description, every row; objects are JSON (section 20, row 11).

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { load } = require('./package.js')
const { IPCSearchParams } = load('ipc.js')

const end = '&runtime-frame-type=top-level'
// The number is the next of the realm; here it stands as R#.
const textOf = (...args) => new IPCSearchParams(...args).toString().replace(/seq=R\d+/, 'seq=R#')

class Params { foo = 'bar' }

const rows = [
  [[undefined], `index=0&seq=R#${end}`], [[null], `index=0&seq=R#&value=null${end}`], [[''], `index=0&seq=R#&value=${end}`],
  [['x y'], `index=0&seq=R#&value=x%20y${end}`], [[[1, 2]], `index=0&seq=R#&value=1%2C2${end}`],
  [[Buffer.from('hi')], `index=0&seq=R#&value=hi${end}`], [[new Map()], `index=0&seq=R#&value=%5Bobject%20Map%5D${end}`],
  [[5n], `index=0&seq=R#&value=5${end}`], [[true], `index=0&seq=R#&value=true${end}`],
  [[{}], `index=0&seq=R#${end}`], [[{ foo: 'bar' }], `foo=bar&index=0&seq=R#${end}`], [[new Params()], `foo=bar&index=0&seq=R#${end}`],
  [[{ a: { b: 1 } }], `a=%7B%22b%22%3A1%7D&index=0&seq=R#${end}`],
  [[{ a: null, b: undefined }], `a=null&b=undefined&index=0&seq=R#${end}`],
  [[{ a: 'b+c d' }], `a=b%2Bc%20d&index=0&seq=R#${end}`],
  [[{ seq: 7 }], `seq=7&index=0${end}`], [[{ seq: 'x9' }], `seq=x9&index=0${end}`], [[{ index: 4 }], `index=0&seq=R#${end}`],
  [[{ index: 4, a: 1 }], `index=0&a=1&seq=R#${end}`],
  [[{ a: 1 }, 123], `a=1&index=0&seq=R#&nonce=123${end}`], [[{ a: 1 }, 0], `a=1&index=0&seq=R#${end}`]
]

for (const [args, text] of rows) {
  test(`IPCSearchParams gives ${text}`, () => assert.equal(textOf(...args), text))
}

test('a symbol throws', () => assert.throws(() => new IPCSearchParams(Symbol('s')), TypeError))

test('numbers go up by one, and a given one takes none', () => {
  const number = params => Number(/seq=R(\d+)/.exec(new IPCSearchParams(params))?.[1])
  const first = number(undefined)
  assert.equal(number({ seq: 'x' }), NaN)
  assert.equal(number(undefined), first + 1)
})

// What a realm has besides: globals, and what is added.
const realms = [
  [{ __args: { index: 3 } }, 'index=3&seq=R#&runtime-frame-type=top-level'],
  [{ top: {} }, 'index=0&seq=R#&runtime-frame-type=nested'],
  [{ self: globalThis }, 'index=0&seq=R#&runtime-frame-type=worker&runtime-worker-type=worker'],
  [{ self: globalThis, ServiceWorkerGlobalScope: Object }, 'index=0&seq=R#&runtime-frame-type=worker&runtime-worker-type=serviceworker'],
  [{ self: globalThis, window: {} }, 'index=0&seq=R#&runtime-frame-type=top-level'],
  [{ RUNTIME_WORKER_ID: '5', RUNTIME_WORKER_LOCATION: 'l' },
    'index=0&seq=R#&runtime-worker-id=5&runtime-worker-location=l&runtime-frame-type=top-level'],
  [{ document: { querySelector: () => ({ content: 's' }) } }, 'index=0&seq=R#&runtime-frame-type=top-level&runtime-frame-source=s']
]

for (const [globals, text] of realms) {
  test(`a realm with ${Object.keys(globals)}`, () => {
    Object.assign(globalThis, globals)
    try {
      assert.equal(textOf(undefined), text)
    } finally {
      for (const key of Object.keys(globals)) delete globalThis[key]
    }
  })
}

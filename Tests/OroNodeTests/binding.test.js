// SPDX-License-Identifier: Apache-2.0
'use strict'
// Section 12 of the module's description, every row; paths are each binding's own (section 20, row 23).

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { load } = require('./package.js')
const { bindingFactory } = load('lib/binding.js')
const ipc = load('ipc.js')

/** A createBinding whose calls answer what they were called with. */
const names = ['emit', 'ready', 'resolve', 'request', 'send', 'sendSync', 'write']
const createBinding = bindingFactory(Object.fromEntries(names.map(name => [name, (...args) => [name, ...args]])))
const context = () => {}

const rows = [
  ["createBinding('fs').stat('/foo')", () => createBinding('fs').stat('/foo'), ['send', 'fs.stat', '/foo']],
  ["createBinding('a').b.c(1, 2)", () => createBinding('a').b.c(1, 2), ['send', 'a.b.c', 1, 2]],
  ["createBinding('a').b.a(1)", () => createBinding('a').b.a(1), ['send', 'a.b.a', 1]],
  ['createBinding().foo(1)', () => createBinding().foo(1), ['send', 'foo', 1]],
  ['createBinding(null).foo(1)', () => createBinding(null).foo(1), ['send', 'foo', 1]],
  ["createBinding('').foo(1)", () => createBinding('').foo(1), ['send', 'foo', 1]],
  ['createBinding(5).foo(1)', () => createBinding(5).foo(1), ['send', 'foo', 1]],
  ['createBinding(function).foo(1)', () => createBinding(() => {}).foo(1), ['send', 'foo', 1]],
  ["createBinding('fs')(1)", () => createBinding('fs')(1), ['send', 'fs', 1]],
  ['createBinding()(1)', () => createBinding()(1), ['send', '', 1]],
  ['a default', () => createBinding('fs', { default: 'request' }).stat(1), ['request', 'fs.stat', 1]],
  ['a method of a path', () => createBinding('fs', { 'fs.write': { method: 'write' } }).write(1), ['write', 'fs.write', 1]],
  ['a name of a path', () => createBinding('fs', { 'fs.write': 'write' }).write(1), ['write', 'fs.write', 1]],
  ['a context alone', () => createBinding({ default: 'request' }).a.b(1), ['request', 'a.b', 1]],
  ['an index', () => createBinding('fs')[0](1), ['send', 'fs.0', 1]],
  ['a symbol', () => createBinding('fs')[Symbol('q')].x(1), ['send', 'fs.x', 1]],
  ...names.map(name => [`the call ${name}`, () => createBinding('x', { default: name }).y(1), [name, 'x.y', 1]])
]

for (const [name, call, called] of rows) test(name, () => assert.deepEqual(call(), called))

test('a binding that is kept stays what it was', () => {
  const api = createBinding('fs')
  const { stat } = api
  assert.deepEqual(stat(1), ['send', 'fs.stat', 1])
  assert.deepEqual(stat(2), ['send', 'fs.stat', 2])
  assert.deepEqual(api.read(1), ['send', 'fs.read', 1])
})

test('keys are full paths, and methods are calls', () => {
  assert.throws(() => createBinding('fs', { write: { method: 'write' } }).write(1), TypeError)
  assert.throws(() => createBinding('fs', { default: 'nope' }).stat(1), TypeError)
  assert.throws(() => createBinding('fs', { default: 'toString' }).stat(1), TypeError)
})

test('what belongs to functions and promises is no path', async () => {
  const api = createBinding('fs', { default: 'request' })
  for (const key of ['then', 'catch', 'finally', 'inspect']) assert.equal(api[key], undefined)
  assert.equal(await api, api)
  for (const key of ['call', 'apply', 'bind', 'toString', 'valueOf', 'hasOwnProperty']) assert.equal(typeof api[key], 'function')
  assert.equal(api.name, '')
  assert.equal(api.length, 0)
  assert.equal(typeof api.prototype, 'object')
  assert.deepEqual([...api.chain], ['fs'])
  assert.equal(api.default, 'request')
  assert.throws(() => api.arguments, TypeError)
  assert.throws(() => api.caller, TypeError)
})

test('a function is the context itself', () => {
  const api = createBinding('fs', context)
  assert.deepEqual([...context.chain], ['fs'])
  assert.equal('foo' in api, false)
  api.foo = 5
  assert.equal(api.foo, 5)
  assert.equal(context.foo, 5)
  assert.deepEqual(Object.keys(new (createBinding().Foo)()), [])
})

test("the module's own binding sends", async () => {
  const result = await ipc.createBinding('fs').stat('/foo')
  assert.equal(result.source, 'fs.stat')
  assert.equal(result.err.name, 'NetworkError')
})

// SPDX-License-Identifier: Apache-2.0
'use strict'
// What cannot be is an error at once that names it; and errors of calls say which call they ended.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { inspect } = require('node:util')
const { load } = require('./package.js')
const { newName } = require('./processes.js')
const ipc = load('ipc.js')
const { connect, disconnect, meet, openPort, stream } = load('index.js')
const { Host } = load('host.js')

/** A host and a client of one thread. */
function hostAndClient (t) {
  const name = newName()
  const host = new Host(name)
  t.after(() => host.close())
  t.after(disconnect)
  host.map('never', ({ signal }) => new Promise((resolve, reject) => { signal.addEventListener('abort', () => reject(signal.reason)) }))
  connect(name)
  return host
}

test('names and options that cannot be', t => {
  const host = hostAndClient(t)
  for (const name of ['', 'a b', 'ü', '*', 'a*', 'x'.repeat(256), 'a\0b', 5, {}, null, undefined]) {
    assert.throws(() => host.map(name, () => 1), TypeError, String(name))
    assert.throws(() => host.unmap(name), TypeError, String(name))
  }
  for (const handler of [null, undefined, 5, {}]) assert.throws(() => host.map('x', handler), /handler of 'x'/)
  for (const open of [openPort, meet, name => host.acceptPorts(name, () => {})]) {
    for (const name of [5, {}, null, undefined, 'a\0b']) assert.throws(() => open(name), TypeError, String(name))
    for (const name of ['', 'x'.repeat(256)]) assert.throws(() => open(name), /1 to 255 bytes long/, String(name))
  }
  for (const name of ['', 5, null, undefined]) assert.throws(() => host.emit(name), TypeError)
  for (const to of [5, '5', null]) assert.throws(() => host.emit('x', 1, { to }), /'to' of the event 'x'/)
  assert.throws(() => host.emit('x', 1, { bytes: 5 }), TypeError)
  for (const name of [5, {}, true]) assert.throws(() => new Host(name), TypeError)
  for (const folder of ['', 5, {}]) {
    assert.throws(() => new Host(newName(), { folder }), /folder/)
    assert.throws(() => connect({ name: newName(), folder }), /folder/)
  }
  const both = { copy: true, readOnly: true }
  assert.throws(() => new Host(newName(), both), /readOnly/)
  assert.throws(() => connect({ name: newName(), ...both }), /readOnly/)
})

test('a signal that is none is the error of its call', async t => {
  hostAndClient(t)
  for (const signal of [5, {}, 'x']) {
    for (let twice = 0; twice < 2; twice++) {
      assert.match((await ipc.request('ping', null, { signal })).err.message, /signal is an AbortSignal/)
      await assert.rejects(stream('ping', null, { signal }).next(), /signal is an AbortSignal/)
    }
  }
})

test('a built-in route is neither mapped nor removed', t => {
  const host = hostAndClient(t)
  for (const name of ['ping', 'Platform.Primordials', 'diagnostics.stream.sse']) {
    assert.throws(() => host.map(name, () => 1), error => error instanceof TypeError && error.message.includes(`'${name}' is a built-in route`))
  }
})

test('an iterator that gives no objects ends its stream, or its body, with a TypeError', async t => {
  const host = hostAndClient(t)
  const bad = () => ({ [Symbol.asyncIterator]: () => ({ next: () => 5 }) })
  host.map('bad', bad)
  host.map('size', ({ bytes }) => bytes.length)
  await assert.rejects(stream('bad').next(), { name: 'TypeError', message: /an iterator gives objects, not 5/ })
  const { err } = await ipc.write('size', null, bad())
  assert.deepEqual([err.name, err.message], ['TypeError', 'an iterator gives objects, not 5'])
})

test('errors of calls say which call they ended, and what it was given', async t => {
  hostAndClient(t)
  for (const [verb, call] of [['request', ipc.request], ['send', ipc.send], ['write', (name, value, options) => ipc.write(name, value, null, options)]]) {
    const { err } = await call('never', null, { timeout: 20 })
    assert.deepEqual([err.name, err.message, err.command, err.timeout], ['TimeoutError', `ipc.${verb} timed out`, 'never', 20])
    // What is printed says it in the words of the other languages.
    for (const printed of [String(err), err.stack, inspect(err)]) {
      assert.ok(printed.includes(`TimeoutError: ipc.${verb} timed out: 'never' gave no answer within 20 ms`), printed)
    }
    assert.deepEqual(Object.keys(err).includes('command'), false)
    const given = (await call('never', null, { signal: AbortSignal.abort(new RangeError('why')) })).err
    assert.deepEqual([given.name, given.cause.message, given.command], ['AbortError', 'why', 'never'])
    const late = (await call('never', null, { signal: AbortSignal.timeout(20) })).err
    assert.deepEqual([late.name, late.cause.name, late.command], ['TimeoutError', 'TimeoutError', 'never'])
  }
  await assert.rejects(stream('never', null, { timeout: 20 }).next(), error => {
    assert.deepEqual([error.name, error.command, error.timeout], ['TimeoutError', 'never', 20])
    assert.match(error.message, /'never' gave no chunk within 20 ms/)
    return true
  })
  const { err } = await ipc.request('never', null, { responseType: 'stream', timeout: 20 })
  assert.deepEqual([err.name, err.message, err.command, err.timeout], ['TimeoutError', 'ipc.request timed out', 'never', 20])
})

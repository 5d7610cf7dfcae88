// SPDX-License-Identifier: Apache-2.0
'use strict'
// A host whose handlers return, and throw, whatever JavaScript has. Prints `ready`, and lives until it is killed.

const assert = require('node:assert')
const path = require('node:path')
const vm = require('node:vm')
const { Host, Reply, Result } = require(path.join(process.env.ORO_NODE_PACKAGE, 'host.js'))

const hostile = new Proxy({}, {
  get () { throw new Error('a trap') },
  getPrototypeOf () { throw new Error('a trap') },
  ownKeys () { throw new Error('a trap') },
  has () { throw new Error('a trap') }
})
const revoked = (({ proxy, revoke }) => (revoke(), proxy))(Proxy.revocable({}, {}))
const circle = {}
circle.circle = circle
const bad = Object.assign(new Error('said'), { code: 'CODE', get: () => 1, circle })
bad.self = bad
Object.defineProperty(bad, 'secret', { enumerable: true, get () { throw new Error('a getter') } })
const mute = new Error()
assert.ok(mute.stack)
for (const name of ['name', 'message', 'code', 'stack']) Object.defineProperty(mute, name, { get () { throw new Error('a getter') } })

const values = {
  hostile,
  revoked,
  circle,
  bad,
  mute,
  nothing: undefined,
  null: null,
  symbol: Symbol('s'),
  function: () => {},
  bare: Object.create(null),
  deep: Array.from({ length: 200 }).reduce(nested => [nested], 1),
  throwingThen: { get then () { throw new Error('no then') } },
  thenThrows: { then () { throw new Error('then throws') } },
  thenTwice: { then (resolve, reject) { resolve('once'); reject(new Error('twice')); resolve('thrice') } },
  thenOfThen: { then (resolve) { resolve({ then (again) { again('inner') } }) } },
  thenOfBadThen: { then (resolve) { resolve({ get then () { throw new Error('inner then') } }) } },
  proxiedPromise: new Proxy(Promise.resolve(1), {}),
  vmError: vm.runInNewContext('new RangeError("far")'),
  toJSONThrows: { toJSON () { throw new Error('no JSON') } },
  getterThrows: { get a () { throw new RangeError('no a') } },
  throwingReply: new Reply({ data: { get a () { throw new Error('no a') } }, headers: { 'bad name': '\0' } }),
  badHeaders: new Reply({ data: 1, headers: { 'bad name': '\0' } }),
  badResult: Result.from({ err: bad }),
  tooLong: 'x'.repeat(80e6),
  bigint: 2n ** 200000n
}

const host = new Host(process.argv[2])
for (const [name, value] of Object.entries(values)) {
  host.map(`return.${name}`, () => value)
  host.map(`throw.${name}`, () => { throw value })
  host.map(`later.${name}`, () => ({ then (resolve) { setImmediate(resolve, value) } }))
  host.map(`reject.${name}`, () => new Promise((resolve, reject) => { setImmediate(reject, value) }))
  host.map(`chunk.${name}`, async function * () { yield 1; yield value })
  host.map(`streamThrow.${name}`, async function * () { yield 1; throw value })
}
host.map('names', () => Object.keys(values))
host.acceptPorts('throws', () => { throw new Error('an acceptor') })
host.acceptPorts('rejects', async () => { throw new Error('an acceptor') })
host.acceptPorts('listens', port => {
  port.onmessage = ({ data }) => {
    port.postMessage(data)
    throw new Error('a listener')
  }
})
host.acceptPorts('listensLater', port => {
  port.addEventListener('message', async ({ data }) => {
    port.postMessage(data)
    throw new Error('a listener')
  })
  port.start()
})
console.log('ready')

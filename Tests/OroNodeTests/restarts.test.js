// SPDX-License-Identifier: Apache-2.0
'use strict'
// A link that comes back: its host is killed, or drains and is replaced, while requests go on. The host writes the number of each request it
// runs to a file, which says in the end what each outcome was worth.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const { setTimeout: pause } = require('node:timers/promises')
const { load, root } = require('./package.js')
const { Process, newName, swiftHost } = require('./processes.js')
const ipc = load('ipc.js')
const { connect, disconnect } = load('index.js')

const ROUNDS = Number(process.env.ORO_RESTARTS ?? 30)

/** Hosts of one name, one after the other. */
class Hosts {
  #t
  #folder
  name = newName()

  constructor (t) {
    this.#t = t
    this.#folder = fs.mkdtempSync(path.join(os.tmpdir(), 'oro-node-'))
    t.after(() => fs.rmSync(this.#folder, { recursive: true }))
  }

  get #log () { return path.join(this.#folder, 'log') }

  start () {
    const peer = process.env.ORO_TEST_PEER ?? path.join(root, '.build', 'release', 'oro-test-peer')
    return new Process(this.#t, peer, ['restarthost', '--name', this.name, '--log', this.#log])
  }

  async serve () {
    const host = this.start()
    assert.equal(await host.line(), 'ready')
    return host
  }

  /** How often each request has run. */
  get runs () {
    const runs = new Map()
    const log = fs.readFileSync(this.#log)
    for (let at = 0; at < log.length; at += 8) {
      const id = Number(log.readBigUInt64LE(at))
      runs.set(id, (runs.get(id) ?? 0) + 1)
    }
    return runs
  }
}

for (const [how, kills] of [['killed, or replaced,', true], ['replaced', false]]) {
  test(`requests while hosts are ${how} run once, and none is lost without an error`, { timeout: 300_000 }, async t => {
    const hosts = new Hosts(t)
    let host = await hosts.serve()
    const link = connect(hosts.name)
    t.after(disconnect)
    const states = []
    await link.ready
    link.onstate = (state, reason) => states.push({ state, reason })
    const outcomes = new Map()
    let last = 0
    let isOver = false
    const ask = async idempotent => {
      while (!isOver) {
        const id = ++last
        const { err, data } = await ipc.request('run', { id }, { idempotent })
        outcomes.set(id, { idempotent, outcome: err ? err.delivery ?? `${err}` : data === id ? 'answered' : `${data}` })
      }
    }
    const asking = [...Array.from({ length: 8 }, () => ask(false)), ask(true)]
    for (let round = 0; round < ROUNDS; round++) {
      await pause(5 + (round * 7) % 30)
      if (kills && round % 2 === 0) {
        await host.kill()
        host = await hosts.serve()
        continue
      }
      const successor = hosts.start()
      host.child.stdin.end()
      assert.equal(await successor.line(), 'ready')
      assert.equal(await host.ended, 0)
      host = successor
    }
    await pause(100)
    isOver = true
    await Promise.all(asking)
    const { runs } = hosts
    const counts = {}
    for (const [id, { idempotent, outcome }] of outcomes) {
      counts[outcome] = (counts[outcome] ?? 0) + 1
      const times = runs.get(id) ?? 0
      const said = `request ${id} is ${outcome}, and ran ${times} times`
      if (outcome === 'answered') assert.ok(idempotent ? times >= 1 : times === 1, said)
      else if (outcome === 'unknown') assert.ok(kills && !idempotent && times <= 1, said)
      else assert.ok((outcome === 'not-sent' || outcome === 'refused') && times === 0, said)
    }
    console.log(`# ${ROUNDS} restarts, hosts are ${how} ${outcomes.size} requests: ${JSON.stringify(counts)}`)
    assert.equal(link.state, 'connected')
    assert.ok(states.some(({ state }) => state === 'reconnecting') && states.at(-1).state === 'connected')
    assert.ok(states.every(({ state, reason }) => (state === 'connected') === (reason === '')))
    assert.equal(link.ending, null)
    host.child.stdin.end()
    assert.equal(await host.ended, 0)
  })
}

test('primordials are those of the host that the link has come back to', { timeout: 60_000 }, async t => {
  const first = await swiftHost(t, newName(), [], '/')
  const link = connect(first.hostName)
  t.after(disconnect)
  await link.ready
  assert.equal(ipc.primordials.cwd, '/')
  const back = new Promise(resolve => { link.onstate = state => { if (state === 'connected') resolve() } })
  await first.kill()
  await swiftHost(t, first.hostName, [], '/tmp')
  await back
  assert.equal(ipc.primordials.cwd, '/tmp')
})

test('requests wait for the next host, in time', { timeout: 60_000 }, async t => {
  const hosts = new Hosts(t)
  const first = await hosts.serve()
  const link = connect(hosts.name)
  t.after(disconnect)
  await link.ready
  const gone = new Promise(resolve => { link.onstate = resolve })
  await first.kill()
  assert.equal(await gone, 'reconnecting')
  assert.equal(link.state, 'reconnecting')
  const { err } = await ipc.request('who', null, { timeout: 100 })
  assert.equal(err.name, 'TimeoutError')
  assert.equal(err.delivery, 'not-sent')
  const synchronous = ipc.sendSync('who', null, { timeout: 100 }).err
  assert.equal(synchronous.name, 'TimeoutError')
  const aborted = ipc.request('who', null, { signal: AbortSignal.timeout(50) })
  assert.equal((await aborted).err.name, 'TimeoutError')
  const waiting = ipc.request('who')
  const second = await hosts.serve()
  assert.equal((await waiting).data, second.child.pid)
  assert.equal(ipc.sendSync('who').data, second.child.pid)
  link.close()
  assert.equal(link.state, 'closed')
})

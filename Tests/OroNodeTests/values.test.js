'use strict'
// One table of values, over every way a value goes: each comes as the platform's structuredClone makes it, or is refused with the platform's
// own error before anything is sent, or is left out, which is printed with the reason. Calls and answers have the rules of JSON with more
// kinds instead, which values/call-model.js has in its own words.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { load } = require('./package.js')
const { nodeHost, swiftHost } = require('./processes.js')
const { difference } = require('./values/compare.js')
const { NONE, asCalled } = require('./values/call-model.js')
const { rows } = require('./values/table.js')
const ipc = load('ipc.js')
const { connect, disconnect, openPort } = load('index.js')

/** What a function gives, or throws. */
function outcome (body) {
  try {
    return { value: body() }
  } catch (thrown) {
    return { thrown }
  }
}

const isEmpty = value => value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype && Object.keys(value).length === 0

/** Whether this version of Node clones the cause of an error. */
const clonesCauses = Object.hasOwn(structuredClone(new Error('m', { cause: 1 })), 'cause')

/** Posts every row, each followed by a mark: what comes between two marks is what has come of a row. */
async function overPorts (post, messages, { isPlatforms = false, inflates = false } = {}) {
  const rowsLeft = new Map()
  let same = 0
  let refused = 0
  for (const { name, make, left: why } of rows) {
    const drops = !clonesCauses && /cause/.test(name) ? 'Node 18 drops the cause of an error, and this does not' : null
    const left = why ?? drops ?? (inflates && name.includes('__type__') ? 'descriptions become what they describe, as the module does in broadcasts' : null)
    // Node 18 and 20 write it, and cannot read it again: a `messageerror`.
    if (isPlatforms && why?.includes('cannot read a cycle')) continue
    const expected = outcome(() => structuredClone(make()))
    const sent = outcome(() => post(make()))
    post('mark')
    const came = []
    for (let next; (next = await messages()) !== 'mark';) came.push(next)
    assert.equal(came.length, sent.thrown ? 0 : 1, `${name}: ${came.length} messages came${sent.thrown ? ', though it was refused' : ''}`)
    if (left) {
      // Refused, or something that says what it was.
      const isMade = came.length && !difference(came[0], expected.value)
      assert.ok(sent.thrown?.name === 'DataCloneError' || isMade || !isEmpty(came[0]), `${name} became {}`)
      if (isMade) same += 1
      else rowsLeft.set(left, [...rowsLeft.get(left) ?? [], name])
    } else if (expected.thrown) {
      const { thrown } = sent
      assert.ok(thrown !== undefined, `${name} came, and the platform refuses it`)
      // Of a port that is not listed the platform says so with an error of its own.
      const isClone = [expected.thrown, thrown].some(each => each?.name === 'DataCloneError')
      if (isClone) assert.equal(thrown.name, 'DataCloneError', `${name}: ${thrown.name}: ${thrown.message}`)
      else assert.equal(String(thrown), String(expected.thrown), name)
      refused += 1
    } else {
      assert.ifError(sent.thrown && new Error(`${name} is refused: ${sent.thrown.message}`))
      // A program's own objects are read once for each: errors made at two places have two stacks.
      assert.equal(withoutStacks(difference, came[0], expected.value), null, name)
      same += 1
    }
  }
  return { same, refused, rowsLeft }
}

const withoutStacks = (compare, came, expected) => {
  const found = compare(came, expected)
  return found && /\.stack/.test(found.split(' ')[0]) ? null : found
}

/** Messages of a port, one after another. */
function reader (port) {
  const waiting = []
  let wake = null
  port.onmessage = ({ data }) => { waiting.push(data); wake?.() }
  return async () => {
    while (waiting.length === 0) await new Promise(resolve => { wake = resolve })
    return waiting.shift()
  }
}

/** The reasons that were printed: they are the same for every way. */
const printed = new Set()

function print (t, way, { same, refused, rowsLeft }) {
  const left = [...rowsLeft.values()].flat().length
  t.diagnostic(`${way}: ${same + refused + left} values, ${same} the same as structuredClone, ${refused} refused as it refuses them, ${left} left out`)
  for (const [why, names] of rowsLeft) {
    if (printed.has(why)) continue
    printed.add(why)
    t.diagnostic(`left out, since ${why}: ${names.join('  ')}`)
  }
}

test('the table has at least 300 values', () => assert.ok(rows.length >= 300))

test('values over a channel of this realm', async t => {
  const { port1, port2 } = new ipc.IPCMessageChannel()
  print(t, 'a channel of this realm', await overPorts(value => port1.postMessage(value), reader(port2), { isPlatforms: true }))
  port1.close()
})

for (const [who, start] of [['a Node host', nodeHost], ['a Swift host', swiftHost]]) {
  test(`values over a port to ${who} and back`, async t => {
    connect((await start(t)).hostName)
    t.after(disconnect)
    const port = openPort('echo')
    print(t, `a port to ${who}`, await overPorts(value => port.postMessage(value), reader(port)))
    port.close()
  })
}

/** Broadcasts are posted by a promise: what is refused at once is thrown. */
async function overBroadcasts (name) {
  const [from, to] = [new ipc.IPCBroadcastChannel(name), new ipc.IPCBroadcastChannel(name)]
  const messages = reader(to)
  await Promise.all([from.startMessages(), to.startMessages()])
  const { encodeStructured } = load('lib/structured-encoder.js')
  const counts = await overPorts(value => {
    const posted = from.postMessage(value)
    posted.catch(() => {})
    // The promise is rejected where this throws: that it is, is looked at below.
    encodeStructured(value, new Map())
  }, messages, { inflates: true })
  await assert.rejects(from.postMessage(() => {}), { name: 'DataCloneError' })
  from.close()
  to.close()
  return counts
}

test('values over a broadcast of this process', async t => print(t, 'a broadcast of this process', await overBroadcasts('values')))

test('values over a broadcast of a host', async t => {
  connect((await nodeHost(t)).hostName)
  t.after(disconnect)
  print(t, 'a broadcast of a host', await overBroadcasts('values'))
})

/** What a call makes of a row: its data, or that it is refused. */
async function overCalls (t, way, call, isLeft = () => false) {
  let same = 0
  let refused = 0
  for (const row of rows) {
    if (isLeft(row)) continue
    const expected = outcome(() => asCalled(row.make()))
    const { err, data } = await call(row)
    const isTop = expected.value === NONE && ['function', 'symbol'].includes(typeof row.make())
    if (expected.thrown || isTop) {
      assert.ok(err, `${row.name} came as ${String(data)}`)
      // What a program's own code throws is the error as it is.
      if (expected.thrown instanceof Error && !(expected.thrown instanceof TypeError)) assert.equal(err.message, expected.thrown.message, row.name)
      refused += 1
    } else {
      assert.ifError(err && new Error(`${row.name} is refused: ${err.message}`))
      assert.equal(difference(data, expected.value === NONE ? null : expected.value), null, row.name)
      same += 1
    }
  }
  t.diagnostic(`${way}: ${same + refused} values, ${same} by the rules, ${refused} refused`)
}

for (const [who, start] of [['a Node host', nodeHost], ['a Swift host', swiftHost]]) {
  test(`values in calls to ${who} and back`, async t => {
    connect((await start(t)).hostName)
    t.after(disconnect)
    await overCalls(t, `sendSync to ${who}`, ({ make }) => ipc.sendSync('echo', make()), ({ name }) => name === 'undefined')
    await overCalls(t, `request to ${who}`, ({ make }) => ipc.request('echo', make()))
    await overCalls(t, `write to ${who}`, ({ make }) => ipc.write('echo', make()))
    await overCalls(t, `send to ${who}`, ({ make }) => ipc.send('echo', make(), { cache: true }))
  })
}

test('values in answers of a Node host', async t => {
  connect((await nodeHost(t)).hostName)
  t.after(disconnect)
  await overCalls(t, 'answers', ({ name }) => ipc.request('row', name))
})

const next = (port, type = 'message') => new Promise(resolve => port.addEventListener(type, resolve, { once: true }))

/** Where a port may stand in a message, and how it is found there again. */
const places = [
  ['itself', port => port, data => data], ['a member', port => ({ a: { port } }), data => data.a.port], ['an element', port => [0, [port]], data => data[1][0]],
  ['a value of a map', port => new Map([['k', port]]), data => data.get('k')], ['a key of a map', port => new Map([[port, 1]]), data => [...data.keys()][0]], ['a set', port => new Set([port]), data => [...data][0]],
  ['an instance of a class', port => new (class A { port = port })(), data => data.port], ['a cause', port => new Error('m', { cause: port }), data => data.cause], ['a cause of a cause', port => new Error('m', { cause: new TypeError('n', { cause: [port] }) }), data => data.cause.cause[0]],
  ['a getter', port => ({ get port () { return port } }), data => data.port], ['twice', port => [port, { port }], data => data[0] === data[1].port ? data[0] : null], ['a sparse array', port => Object.assign([], { 5: port }), data => data[5]],
  ['an array of a Map of a Set', port => [new Map([[1, new Set([port])]])], data => [...data[0].get(1)][0]], ['beside a cycle', port => { const o = { port }; o.o = o; return o }, data => data.o.port]
]

async function carriesPorts (post, target, make, isPlatforms) {
  for (const [name, hold, find] of places) {
    if (isPlatforms && !clonesCauses && name.includes('cause')) continue
    const { mine, theirs } = make()
    const event = next(target)
    target.start()
    post(hold(theirs), [theirs])
    const { data, ports } = await event
    assert.ok(find(data) instanceof ipc.IPCMessagePort, name)
    assert.equal(ports[0], find(data), name)
    const back = next(mine)
    mine.start()
    find(data).postMessage(name)
    assert.equal((await back).data, name)
    mine.close()
  }
}

const channelOf = () => {
  const { port1, port2 } = new ipc.IPCMessageChannel()
  return { mine: port1, theirs: port2 }
}

test('a port goes along wherever it stands in a message', async t => {
  connect((await nodeHost(t)).hostName)
  t.after(disconnect)
  const [port, { port1, port2 }] = [openPort('echo'), new ipc.IPCMessageChannel()]
  await t.test('over a channel', () => carriesPorts((value, list) => port1.postMessage(value, list), port2, channelOf, true))
  await t.test('over a port to a host and back', () => carriesPorts((value, list) => port.postMessage(value, list), port, channelOf, false))
  port.close()
  port1.close()
})

test('1 to 300 ports go along in one message', async t => {
  connect((await nodeHost(t)).hostName)
  t.after(disconnect)
  const [port, { port1, port2 }] = [openPort('echo'), new ipc.IPCMessageChannel()]
  for (const [from, to] of [[port1, port2], [port, port]]) {
    for (const count of [1, 2, 16, 63, 64, 65, 100, 255, 256, 300]) {
      const made = Array.from({ length: count }, channelOf)
      const list = made.map(({ theirs }) => theirs)
      const event = next(to)
      const refused = next(to, 'messageerror')
      to.start()
      if (from === port && count > 256) {
        assert.throws(() => from.postMessage({ list }, list), { name: 'DataCloneError' })
        const still = next(made[0].mine)
        made[0].mine.start()
        list[0].postMessage('still mine')
        assert.equal((await still).data, 'still mine')
        for (const { mine } of made) mine.close()
        continue
      }
      from.postMessage({ list }, list)
      const { data, ports } = await Promise.race([event, refused])
      assert.equal(ports.length, count, String(data))
      ports.forEach((each, index) => assert.equal(each, data.list[index]))
      const back = next(made.at(-1).mine)
      made.at(-1).mine.start()
      ports.at(-1).postMessage(count)
      assert.equal((await back).data, count)
      for (const { mine } of made) mine.close()
    }
  }
  port.close()
  port1.close()
})

// SPDX-License-Identifier: Apache-2.0
'use strict'
/**
 * Ports whose other end is in another process: conversations with hosts and other clients. To a program they are IPCMessagePorts like
 * those of this realm; a port of one kind that is posted through one of the other is joined to a new one of that kind.
 */

const { types } = require('node:util')
const { NetworkError } = require('./errors.js')
const { GuardedTarget, guard, report } = require('./guarded-target.js')
const { randomId } = require('./ids.js')
const { native } = require('./native.js')
const { Queue } = require('./queue.js')
const {
  IPCMessagePort, disown, initialize, isOwned, localized, messageEvent, platformPort, stateOf, transferListOf, unwrap, wrap
} = require('./port.js')
const { decodeStructured } = require('./structured-decoder.js')
const { copyOf, encodeStructured } = require('./structured-encoder.js')
const { encoded } = require('./value-encoder.js')

const MESSAGE = 1
const CLOSED = 2
const MISSED = 3
const ROOM = 0
const ACCEPTED = -1

/** Messages that wait in this process because the other end takes none, and their bytes; more are refused. */
const MOST_WAITING = 65536
const MOST_WAITING_BYTES = 256 * 1024 * 1024

/** Ports of one message. */
const MOST_PORTS = 256

/** What a remote port has beside the state of every port. */
class Remote {
  /** Messages that the engine had no room for. */
  waiting = new Queue()
  waitingBytes = 0
  isClosing = false
  /** What is registered for a listener of `on`, by type. */
  listeners = new Map()
  keeps = true
  isCounted = false

  /** What stands for the port until its link is there. */
  early = null

  /** `port` is the addon's; `null` until the link is there. */
  constructor (table, port) {
    this.table = table
    this.port = port
    this.id = port && native().portId(port)
  }

  /** Whether messages wait for room, or the port for messages. */
  get isActive () { return this.keeps && (this.isStarted || this.waiting.size > 0) && !this.isOver }
}

const kRemote = Symbol('remote')

/** A text that the library can take, which cuts none. */
function checkText (text) {
  if (text.includes('\0')) throw new TypeError('a text has a zero character (U+0000), which nothing here can have')
  if (Buffer.byteLength(text) > MOST_TEXT) throw new RangeError('a text is too long')
  return text
}

/** The name of a port. */
function checkName (name) {
  if (typeof name !== 'string') throw new TypeError(`the name of a port is a text, not ${typeof name}`)
  if (name === '' || Buffer.byteLength(name) > MOST_NAME) throw new RangeError(`the name of a port is 1 to ${MOST_NAME} bytes long, not ${Buffer.byteLength(name)}`)
  return checkText(name)
}

/** Bytes of the name of a port. */
const MOST_NAME = 255

/** Bytes of a message, beside its buffers, that every host takes: what they all have by default. */
const MOST_BYTES = (64 << 20) + (64 << 10)

/** Bytes of the name and the origin of a broadcast. */
const MOST_TEXT = 1023

/** The ports of one link or host. */
class PortTable {
  #room
  #keep
  #ports = new Map()
  #acceptors = []
  #isHosts
  #whenOpen
  /** What stands for ports of a link that is not there yet. */
  #early = new Set()

  /**
   * @param {any} room the addon's client or host
   * @param {(count: number) => void} keep told how many more ports keep the process alive
   * @param {object} [options] `isHosts`: listeners that throw do not end the process; `whenOpen`: runs work when the link is there
   */
  constructor (room, keep, { isHosts = false, whenOpen = work => work() } = {}) {
    this.#room = room
    this.#isHosts = isHosts
    this.#keep = keep
    this.#whenOpen = whenOpen
  }

  get room () { return this.#room }

  /** A port to the host, or with `meets` to another client. */
  open (name, meets = false) { return this.#begin(meets ? 1 : 0, checkName(name), null) }

  /** A port that hears broadcasts. */
  subscribe (name, origin) { return this.#begin(2, checkText(name), checkText(origin)) }

  /** A port that is opened now, or as soon as the link is there. */
  #begin (how, name, origin) {
    let port = null
    const early = { port: null }
    this.#whenOpen(() => {
      const open = () => native().portOpen(this.#room, how, name, origin)
      if (early.port) this.#attach(early, open)
      else port = this.adopt(open())
    })
    if (port) return port
    early.port = this.adopt(null)
    early.port[kRemote].early = early
    this.#early.add(early)
    return early.port
  }

  /** The link is there, and so is the port, with what was posted to it meanwhile. */
  #attach (early, open) {
    const { port } = early
    const remote = port[kRemote]
    this.#early.delete(early)
    if (remote.isOver) return
    try {
      remote.port = open()
    } catch (error) {
      return closed(port, error.message)
    }
    remote.early = null
    remote.id = native().portId(remote.port)
    this.#ports.set(remote.id, port)
    if (remote.isStarted) native().portListen(remote.port)
    flush(port)
  }

  /** Both ends of a channel that can leave the process. */
  channel () { return native().portChannel(this.#room).map(port => this.adopt(port)) }

  /** Takes conversations that clients open under this name. */
  accept (name, acceptor) {
    const tag = typeof acceptor === 'function' ? this.#acceptors.push(acceptor) - 1 : null
    native().portAccept(this.#room, checkName(name), tag)
  }

  /** A port of ours for one of the addon's. */
  adopt (external) {
    const port = Object.create(RemotePort.prototype)
    const remote = new Remote(this, external)
    Object.defineProperty(port, kRemote, { value: remote })
    initialize(port, { id: (external && native().portName(external)) ?? randomId() })
    if (this.#isHosts) stateOf(port).target = new GuardedTarget()
    if (external) this.#ports.set(remote.id, port)
    return port
  }

  /** The link is over: so is every port that has not heard of it. */
  end (reason = undefined) {
    for (const { port } of [...this.#early]) if (!port[kRemote].isOver) closed(port, reason)
    this.#early.clear()
    for (const port of [...this.#ports.values()]) {
      closed(port)
      // Nothing tells it of its end any more.
      native().portClose(port[kRemote].port)
    }
  }

  forget (remote) { this.#ports.delete(remote.id) }

  /** A port begins or ends to keep the process alive. */
  count (remote) {
    if (remote.isActive === remote.isCounted) return
    remote.isCounted = remote.isActive
    this.#keep(remote.isCounted ? 1 : -1)
  }

  /** Gives the acceptor of a name its end; where it fails, the conversation is over. */
  #accept (acceptor, port, client) {
    guard(() => acceptor(port, client), thrown => {
      port.close()
      report('an acceptor', thrown)
    })
  }

  /** What the addon tells of a port. */
  hear (id, what, value, buffers, ports) {
    if (what === ACCEPTED) return this.#accept(this.#acceptors[id], this.adopt(buffers), value)
    const port = this.#ports.get(id)
    if (!port) return
    if (what === ROOM) flush(port)
    else if (what === CLOSED) closed(port)
    else receive(port, what, value, buffers, ports.map(external => this.adopt(external)))
  }
}

/** A message has come: what is no structured value is an event of its own. */
function receive (port, what, value, buffers, ports) {
  if (!isOwned(port)) return
  const { target } = stateOf(port)
  let data
  try {
    data = decodeStructured(value, buffers, ports)
  } catch (error) {
    target.dispatchEvent(messageEvent('messageerror', error))
    return
  }
  target.dispatchEvent(messageEvent(what === MISSED ? 'missed' : 'message', data, ports))
}

/** The other end is closed, and everything that came before was delivered. */
function closed (port, given = undefined) {
  const { target } = stateOf(port)
  const external = port[kRemote].port
  const reason = external ? native().portReason(external) : given
  if (!isOwned(port)) return over(port)
  over(port)
  const event = new Event('close')
  if (reason !== undefined) Object.defineProperty(event, 'reason', { value: reason, enumerable: true })
  target.dispatchEvent(event)
}

/** It does nothing any more. */
function over (port) {
  const remote = port[kRemote]
  remote.isOver = true
  remote.waiting = new Queue()
  stateOf(port).closed = true
  disown(port)
  remote.table.forget(remote)
  remote.table.count(remote)
}

/** Posts what has waited, as far as there is room. */
function flush (port) {
  const remote = port[kRemote]
  while (remote.waiting.size > 0) {
    const first = remote.waiting.first
    const { origin, bytes } = first
    try {
      first.message ??= first.make()
      if (native().portPost(remote.port, first.message, origin) === 0) return
    } catch (error) {
      // Nobody is here to catch it any more: the message is lost, and those behind it go on.
      stateOf(port).target.dispatchEvent(messageEvent('messageerror', error))
    }
    // What heard of that may have closed the port.
    if (remote.isOver) return
    remote.waiting.removeFirst()
    remote.waitingBytes -= bytes
  }
  if (remote.isClosing) finish(port)
  else remote.table.count(remote)
}

function finish (port) {
  const external = port[kRemote].port
  if (external) native().portClose(external)
  over(port)
}

/** A message waits. */
function wait (remote, message) {
  remote.waiting.push(message)
  remote.waitingBytes += message.bytes
  remote.table.count(remote)
}

/** A message waits for the link to be there: it is as it is now, and what goes along is given away now. */
function sendLater (remote, { bytes, size, buffers }, ports, origin) {
  const { table } = remote
  if (size > MOST_BYTES) {
    const error = new RangeError(`a message of ${size} bytes is over the limit of ${MOST_BYTES} (LinkLimits.messageBytes) before the host is reached, which may take longer ones`)
    throw Object.assign(error, { status: 'OROIPC_TOO_LARGE' })
  }
  const value = Buffer.from(bytes.subarray(0, size))
  const copies = buffers.map(copyOf)
  const passed = ports.map(each => each instanceof RemotePort ? pass(each) : platformPort(each))
  const make = () => {
    const crossings = passed.map(each => crossing(each, table))
    const message = native().portMessage(table.room, value, size, copies, crossings.map(({ external }) => external))
    for (const { complete } of crossings) complete()
    return message
  }
  wait(remote, { make, message: null, origin, bytes: costOf(size, buffers) })
}

/** What the engine says of a message that is too long, as the class that it is elsewhere. */
const typed = error => error.status === 'OROIPC_TOO_LARGE' ? Object.assign(new RangeError(error.message, { cause: error }), { status: error.status }) : error

const costOf = (size, buffers) => size + buffers.reduce((sum, { byteLength }) => sum + byteLength, 0)

/** Posts through the engine, or keeps the message until there is room. */
function send (port, { bytes, size, buffers }, externals, origin) {
  const remote = port[kRemote]
  const { table } = remote
  const message = native().portMessage(table.room, bytes, size, buffers, externals)
  if (remote.waiting.size === 0 && native().portPost(remote.port, message, origin) !== 0) return
  wait(remote, { message, origin, bytes: costOf(size, buffers) })
}

function checkRoom ({ waiting, waitingBytes }) {
  if (waiting.size < MOST_WAITING && waitingBytes < MOST_WAITING_BYTES) return
  throw new DOMException(
    `${waiting.size} messages of ${waitingBytes} bytes wait because the other end takes none; ${MOST_WAITING} messages or ${MOST_WAITING_BYTES} bytes may`,
    'QuotaExceededError')
}

/** Posts a message with what is to go along. */
function post (port, message, list) {
  const remote = port[kRemote]
  checkRoom(remote)
  const ports = list.filter(each => each instanceof MessagePort)
  const listed = list.filter(each => types.isArrayBuffer(each))
  const { size, buffers } = encodeStructured(message, new Map(ports.map((each, index) => [each, index])))
  const bytes = encoded()
  // Getters in the message may have closed ports, or given them away.
  if (!isOwned(port)) return
  checkPorts(port, ports)
  checkBuffers(listed)
  if (remote.port === null) {
    sendLater(remote, { bytes, size, buffers }, ports, null)
    return detach(listed)
  }
  // Nothing is given away before it has gone.
  const crossings = ports.map(each => crossing(each, remote.table))
  try {
    send(port, { bytes, size, buffers }, crossings.map(({ external }) => external), null)
  } catch (error) {
    for (const { undo } of crossings) undo()
    throw typed(error)
  }
  for (const { complete } of crossings) complete()
  detach(listed)
}

/** Throws what the platform does for buffers that cannot be transferred; none is. */
function checkBuffers (buffers) {
  if (buffers.length === 0) return
  const isNext = {}
  try {
    // The platform looks at the list first, and then fails with this.
    structuredClone({ get never () { throw isNext } }, { transfer: buffers })
  } catch (error) {
    if (error !== isNext) throw error
  }
}

function checkPorts (port, ports) {
  if (ports.length > MOST_PORTS) {
    throw new DOMException(`a message to another process has at most ${MOST_PORTS} ports, and not ${ports.length}`, 'DataCloneError')
  }
  for (const each of ports) {
    if (each === port) throw new DOMException('a port cannot be posted through itself', 'DataCloneError')
    if (each instanceof IPCMessagePort && !isOwned(each)) throw new DOMException('a port in the transfer list was closed or transferred', 'DataCloneError')
  }
}

/**
 * The addon's port for one that goes to another process: `complete` when it has gone, and is not this realm's any more, `undo` when
 * it has not.
 */
function crossing (port, table) {
  // What waits for room goes before it, through a channel.
  if (port instanceof RemotePort && port[kRemote].port && port[kRemote].table === table && port[kRemote].waiting.size === 0) {
    return { external: port[kRemote].port, complete: () => give(port), undo () {} }
  }
  const [mine, theirs] = table.channel()
  return {
    external: theirs[kRemote].port,
    complete () {
      give(theirs)
      join(mine, port instanceof RemotePort ? pass(port) : platformPort(port))
    },
    undo () {
      mine.close()
      theirs.close()
    }
  }
}

/** A remote port leaves this realm. */
function give (port) {
  const remote = port[kRemote]
  IPCMessagePort.transfer(port)
  disown(port)
  remote.isOver = true
  remote.table.forget(remote)
  remote.table.count(remote)
}

/** The same conversation under a port that nobody else has, with what waits for room. */
function pass (port) {
  const { table, port: external, waiting, waitingBytes, early } = port[kRemote]
  give(port)
  const passed = table.adopt(external)
  Object.assign(passed[kRemote], { waiting, waitingBytes, early })
  if (early) early.port = passed
  table.count(passed[kRemote])
  return passed
}

/** Buffers in a transfer list belong to the other side from now on. */
function detach (buffers) {
  if (buffers.length) structuredClone(undefined, { transfer: buffers })
}

/** What comes to one port goes out at the other, until one of them is closed. They keep nobody alive. */
function join (remote, other) {
  if (other instanceof RemotePort) {
    remote.onmessage = ({ data, ports }) => { other.postMessage(data, ports) }
    other.onmessage = ({ data, ports }) => { remote.postMessage(data, ports) }
  } else {
    // One of the platform's, over which only the platform's go.
    remote.onmessage = ({ data, ports }) => {
      const [message, list] = localized(data, [...ports])
      other.postMessage(wrap(message), list)
    }
    other.addEventListener('message', ({ data, ports }) => { remote.postMessage(unwrap(data), ports) })
    other.start()
  }
  remote.addEventListener('close', () => other.close())
  other.addEventListener('close', () => remote.close())
  remote.unref()
  other.unref()
}

/** Another process's end of a channel. */
class RemotePort extends IPCMessagePort {
  start () {
    const state = stateOf(this)
    if (!isOwned(this) || state.started) return
    state.started = true
    const remote = this[kRemote]
    remote.isStarted = true
    if (remote.port) native().portListen(remote.port)
    remote.table.count(remote)
  }

  close () {
    if (!isOwned(this)) return
    const remote = this[kRemote]
    if (remote.waiting.size === 0) return finish(this)
    // What was posted before goes out first.
    remote.isClosing = true
    stateOf(this).closed = true
    disown(this)
  }

  postMessage (message, optionsOrTransferList = []) {
    if (!isOwned(this)) return
    post(this, message, transferListOf(optionsOrTransferList))
  }

  /** @internal Posts from a subscription to all others of an origin what is encoded already. */
  broadcast (snapshot, origin) {
    if (!isOwned(this)) throw new NetworkError('the link to the host is over')
    const remote = this[kRemote]
    checkRoom(remote)
    if (remote.port === null) sendLater(remote, snapshot, [], origin)
    else send(this, snapshot, [], origin)
  }

  ref () {
    this[kRemote].keeps = true
    this[kRemote].table.count(this[kRemote])
  }

  unref () {
    this[kRemote].keeps = false
    this[kRemote].table.count(this[kRemote])
  }

  hasRef () { return this[kRemote].isActive }

  on (type, listener) { return listen(this, type, listener, false) }
  once (type, listener) { return listen(this, type, listener, true) }

  off (type, listener) {
    const ofType = this[kRemote].listeners.get(type)
    this.removeEventListener(type, ofType?.get(listener) ?? listener)
    ofType?.delete(listener)
    return this
  }

  addListener (type, listener) { return this.on(type, listener) }
  removeListener (type, listener) { return this.off(type, listener) }
}

// To a program it is what every port is.
Object.defineProperty(RemotePort.prototype, 'constructor', { value: IPCMessagePort, configurable: true, writable: true })

/** Has `listener` called with what events of this type say. The same one twice is one. */
function listen (port, type, listener, isOnce) {
  const { listeners } = port[kRemote]
  if (!listeners.has(type)) listeners.set(type, new Map())
  const ofType = listeners.get(type)
  if (!ofType.has(listener)) {
    const heard = event => {
      if (isOnce) port.off(type, listener)
      if (type === 'message' || type === 'messageerror') listener.call(port, event.data)
      else listener.call(port)
    }
    ofType.set(listener, heard)
    port.addEventListener(type, heard)
  }
  if (type === 'message') port.start()
  return port
}

/** A port of the platform's that stands for a remote one, so that it can go where only those go. */
function localPort (port) {
  const { port1, port2 } = new MessageChannel()
  join(pass(port), port1)
  return port2
}

module.exports = { PortTable, RemotePort, localPort }

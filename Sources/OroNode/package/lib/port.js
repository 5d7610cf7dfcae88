// SPDX-License-Identifier: Apache-2.0
'use strict'
/**
 * Message ports. A port is a port of the platform's that has become an IPCMessagePort: order, queueing until it is started,
 * structured values, transfer and the news of the other end's closing are the platform's.
 */

const { types } = require('node:util')
const { receiveMessageOnPort } = require('node:worker_threads')
const { randomId } = require('./ids.js')

const symbol = name => Symbol.for(`oro.runtime.ipc.IPCMessagePort.${name}`)
const kState = Symbol('state')
const serialize = Symbol.for('oro.runtime.serialize')

// The platform's events make `null` of `undefined`, so that it travels as an object that nobody else sends.
const kUndefined = 'oro.runtime.ipc.undefined'
const wrap = message => message === undefined ? { [kUndefined]: true } : message
const unwrap = data => data?.[kUndefined] === true ? undefined : data

const add = EventTarget.prototype.addEventListener
const start = MessagePort.prototype.start
const close = MessagePort.prototype.close
const postMessage = MessagePort.prototype.postMessage

/** Ports that were given away by name and id, and wait for whoever gets these. */
const travelling = new Map()
/** Other ends of ports that were made by name, for whoever makes them by the names turned round. */
const unclaimed = new Map()

/** What a port knows of itself beyond the platform's. */
class State {
  /** Its users' listeners: adding one to the platform's port would start it. */
  target = new EventTarget()
  started = false
  closed = false
  handlers = { message: null, messageerror: null }

  constructor ({ id, rx, tx, transferred }) {
    this.id = id
    this.rx = rx
    this.tx = tx
    this.transferred = transferred
  }
}

/** Makes a platform's port one of ours. */
function adopt (port, names) {
  Object.setPrototypeOf(port, IPCMessagePort.prototype)
  return initialize(port, names)
}

/** A port begins its life in this realm. */
function initialize (port, names) {
  const state = new State({ ...randomNames(), ...names })
  Object.defineProperty(port, kState, { value: state })
  IPCMessagePort.ports.set(state.id, port)
  return port
}

const stateOf = port => port[kState]

/** The port is not its realm's any more. */
function disown (port) {
  if (isOwned(port)) IPCMessagePort.ports.delete(port.id)
}

/** The conversation is over, by either end. */
function end (port) {
  if (!isOwned(port)) return
  port[kState].closed = true
  IPCMessagePort.ports.delete(port.id)
  close.call(port)
}

const randomNames = () => ({ id: randomId(), rx: randomId(), tx: randomId(), transferred: false })

/** Whether the port is still its realm's to use. */
const isOwned = port => IPCMessagePort.ports.get(port.id) === port

/** The platform's port of `port` in an object of its own; who still has the old one can do nothing with it. */
function move (port) {
  const { port1, port2 } = new MessageChannel()
  port1.postMessage(port, [port])
  const { message } = receiveMessageOnPort(port2)
  port1.close()
  return message
}

/** A port that is given away, as one of the platform's; it has begun to wait for nothing. */
function platformPort (port) {
  if (!(port instanceof IPCMessagePort)) return move(port)
  IPCMessagePort.transfer(port)
  return move(port)
}

/** Ports that came with a message become ours before anybody sees them. */
function receive (port, event) {
  if (!isOwned(port)) return
  for (const other of event.ports ?? []) {
    if (!(other instanceof IPCMessagePort)) adopt(other, { ...randomNames(), transferred: true })
  }
  port[kState].target.dispatchEvent(messageEvent(event.type, unwrap(event.data), event.ports))
}

/** An event with any data: its constructor alone makes `null` of `undefined`. */
function messageEvent (type, data, ports = [], origin = '') {
  const event = new MessageEvent(type, { data, origin })
  // The platform's own constructor takes the platform's own ports alone.
  Object.defineProperty(event, 'ports', { value: Object.freeze([...ports]) })
  return data === undefined ? Object.defineProperty(event, 'data', { value: undefined }) : event
}

/** The other end's name for this one. */
const nameOf = (rx, tx) => `${rx} ${tx}`

/** The platform's port behind these names: what waits for them, or one end of a new channel. */
function portFor ({ id, rx, tx }, isNamed) {
  const travelled = travelling.get(id)
  if (travelled) {
    travelling.delete(id)
    return travelled
  }
  const twin = nameOf(tx, rx)
  const waiting = unclaimed.get(twin)
  if (waiting) {
    unclaimed.delete(twin)
    return waiting
  }
  const { port1, port2 } = new MessageChannel()
  if (isNamed) unclaimed.set(nameOf(rx, tx), port2)
  return port1
}

/** One end of a channel. It travels in a message whose transfer list has it. */
class IPCMessagePort extends MessagePort {
  /** The ports that this realm owns, by id. */
  static ports = new Map()

  /**
   * The port of this id, or a new one. A platform's port becomes an IPCMessagePort.
   * @param {{ id?: string, rx?: string, tx?: string, transferred?: boolean } | MessagePort} [options]
   * @returns {IPCMessagePort}
   */
  static create (options = {}) {
    options ??= {}
    if (options instanceof MessagePort && !(options instanceof IPCMessagePort)) return adopt(options, randomNames())
    const id = String(options.id ?? randomId())
    const owned = this.ports.get(id)
    if (owned) return owned
    if (options instanceof IPCMessagePort) {
      throw new DOMException('the port was closed or transferred, and is not this realm\'s any more', 'InvalidStateError')
    }
    const names = {
      id,
      rx: String(options.rx ?? randomId()),
      tx: String(options.tx ?? randomId()),
      transferred: options.transferred ?? false
    }
    return adopt(portFor(names, options.rx !== undefined && options.tx !== undefined), names)
  }

  /** The same as `create`. */
  static from (options) { return this.create(options) }

  /**
   * Gives a port away: it is not this realm's any more.
   * @param {IPCMessagePort} port
   * @returns {IPCMessagePort}
   */
  static transfer (port) {
    port[kState].transferred = true
    if (isOwned(port)) this.ports.delete(port.id)
    return port
  }

  get id () { return this[kState]?.id }
  get started () { return this[kState].started }
  get closed () { return this[kState].closed }
  get onmessage () { return this[kState].handlers.message }
  get onmessageerror () { return this[kState].handlers.messageerror }

  set onmessage (handler) {
    setHandler(this, 'message', handler)
    if (typeof handler === 'function') this.start()
  }

  set onmessageerror (handler) { setHandler(this, 'messageerror', handler) }

  /** Begins to deliver; what came before has waited. */
  start () {
    if (!isOwned(this) || this[kState].started) return
    this[kState].started = true
    add.call(this, 'message', event => receive(this, event))
    add.call(this, 'messageerror', event => receive(this, event))
    start.call(this)
  }

  /** Ends the conversation: nothing is delivered here any more, and the other end gets a `close` event. */
  close () { end(this) }

  /**
   * Posts a message to the other end. Buffers and ports that are listed go there, and are gone here.
   * @param {any} message any structured value
   * @param {any[] | { transfer?: any[] }} [optionsOrTransferList]
   */
  postMessage (message, optionsOrTransferList = []) {
    if (!isOwned(this)) return
    let list = transferListOf(optionsOrTransferList)
    const ports = list.filter(each => each instanceof IPCMessagePort)
    for (const port of ports) {
      if (!isOwned(port)) throw new DOMException('a port in the transfer list was closed or transferred', 'DataCloneError')
    }
    if (ports.some(isRemote)) [message, list] = localized(message, list)
    try {
      postMessage.call(this, wrap(message), list)
    } catch (error) {
      if (error.code !== 'ERR_MISSING_TRANSFERABLE_IN_TRANSFER_LIST') throw error
      throw new DOMException('a port is in the message, and not in its transfer list', 'DataCloneError')
    }
    for (const port of ports) IPCMessagePort.transfer(port)
  }

  addEventListener (...args) {
    if (!isOwned(this)) return false
    this[kState].target.addEventListener(...args)
  }

  removeEventListener (...args) {
    if (!isOwned(this)) return false
    this[kState].target.removeEventListener(...args)
  }

  dispatchEvent (event) {
    if (!isOwned(this)) return false
    const { target } = this[kState]
    // The platform tells a port of its end by dispatching this.
    if (event.type === 'close') end(this)
    if (event.type !== 'message') return target.dispatchEvent(event)
    // Here and not above: that file makes ports of descriptions.
    const { inflateIPCMessageTransfers } = require('./ipc-transfers.js')
    return target.dispatchEvent(messageEvent('message', inflateIPCMessageTransfers(event.data)))
  }

  /** Gives the port away as a description, for whoever makes a port of it in this realm. */
  [serialize] () {
    const { id, rx, tx, transferred } = this[kState]
    if (isOwned(this)) {
      travelling.set(id, isRemote(this) ? require('./remote-port.js').localPort(this) : platformPort(this))
    }
    // Names stay as they are once a port has travelled: whoever gets it later still has the first one's other end.
    return { __type__: 'IPCMessagePort', transferred: true, rx: transferred ? rx : tx, tx: transferred ? tx : rx, id }
  }

  toJSON () { return this[serialize]() }
}

function setHandler (port, type, handler) {
  if (!isOwned(port)) return
  const { handlers, target } = port[kState]
  if (handlers[type]) target.removeEventListener(type, handlers[type])
  handlers[type] = typeof handler === 'function' ? handler : null
  if (handlers[type]) target.addEventListener(type, handlers[type])
}

// Here and not above: that file makes ports, too.
const isRemote = port => port instanceof require('./remote-port.js').RemotePort

/** A message and its transfer list with ports of the platform's in the place of those to other processes. */
function localized (message, list) {
  const { localPort } = require('./remote-port.js')
  const { replaceIn } = require('./ipc-transfers.js')
  const local = new Map(list.filter(isRemote).map(port => [port, localPort(port)]))
  return [replaceIn(message, value => local.get(value)), list.map(each => local.get(each) ?? each)]
}

/**
 * The transfer list of a call of postMessage: an iterable, or the member `transfer` of options. Throws, before anything is given
 * away, what the platform does: a TypeError for what can be no list or cannot be transferred, a DataCloneError for what is in
 * it twice.
 * @returns {any[]}
 */
function transferListOf (options) {
  if (options === undefined || options === null) return []
  const isObject = typeof options === 'object' || typeof options === 'function'
  if (!isObject) throw new TypeError('postMessage takes a transfer list, or an object with one')
  const list = typeof options[Symbol.iterator] === 'function' ? options : options.transfer
  if (list === undefined || list === null) return []
  if (typeof list !== 'object' || typeof list[Symbol.iterator] !== 'function') throw new TypeError('a transfer list is iterable')
  const listed = [...list]
  const seen = new Set()
  for (const each of listed) {
    if (!types.isArrayBuffer(each) && !(each instanceof MessagePort)) {
      throw new TypeError('a transfer list has something that cannot be transferred: buffers and ports can')
    }
    if (seen.has(each)) throw new DOMException('something is in the transfer list twice', 'DataCloneError')
    seen.add(each)
  }
  return listed
}

for (const name of ['id', 'rx', 'tx', 'closed', 'started', 'transferred']) {
  Object.defineProperty(IPCMessagePort.prototype, symbol(name), { get () { return this[kState][name] } })
}

module.exports = {
  IPCMessagePort,
  adopt,
  disown,
  initialize,
  isOwned,
  localized,
  messageEvent,
  platformPort,
  randomNames,
  serialize,
  stateOf,
  transferListOf,
  unwrap,
  wrap
}

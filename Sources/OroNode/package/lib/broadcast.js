// SPDX-License-Identifier: Apache-2.0
'use strict'

const { hub } = require('./broadcast-hubs.js')
const { ErrorEvent, setHandler } = require('./events.js')
const { inflateIPCMessageTransfers } = require('./ipc-transfers.js')
const { randomId } = require('./ids.js')
const { messageEvent } = require('./port.js')
const { snapshotOf } = require('./structured-encoder.js')

/** The origin of a realm that has none of its own. */
const NO_LOCATION = 'oro://node'
const ownOrigin = () => globalThis.location?.origin ?? globalThis.origin ?? NO_LOCATION

/** Reaches all other channels of its name and origin. */
class IPCBroadcastChannel extends EventTarget {
  /** The subscriptions of this realm's channels, by their key. */
  static subscriptions = new Map()

  #name
  #target
  #token = randomId()
  #subscription = null
  #starting = null
  #isClosed = false
  #posted = Promise.resolve()
  #handlers = { message: null, messageerror: null, error: null }

  /**
   * @param {string} name
   * @param {{ origin?: string }} [options] `*`: messages of all origins
   */
  constructor (name, options = undefined) {
    super()
    this.#name = String(name)
    this.#target = options?.origin ?? null
  }

  get name () { return this.#name }
  get origin () { return this.#subscription?.origin ?? this.#target ?? ownOrigin() }
  get key () { return new URL(this.#name, this.origin).href }
  /** What marks this channel's own messages. */
  get token () { return this.#token }

  get onmessage () { return this.#handlers.message }
  set onmessage (handler) { setHandler(this, this.#handlers, 'message', handler) }
  get onmessageerror () { return this.#handlers.messageerror }
  set onmessageerror (handler) { setHandler(this, this.#handlers, 'messageerror', handler) }
  get onerror () { return this.#handlers.error }
  set onerror (handler) { setHandler(this, this.#handlers, 'error', handler) }

  /** Begins to hear others; once, however often it is called. After a failure it may be tried again. */
  async startMessages () {
    if (!this.#isClosed) await this.#start()
  }

  async #start () {
    this.#starting ??= this.#subscribe()
    try {
      await this.#starting
    } catch (error) {
      this.#starting = null
      throw error
    }
  }

  async #subscribe () {
    const wanted = { name: this.#name, origin: this.origin, token: this.#token }
    const carrier = await hub()
    const subscription = await carrier.subscribe(wanted, message => this.#hear(message), count => this.#miss(count))
    this.#subscription = subscription
    const { subscriptions } = IPCBroadcastChannel
    subscriptions.set(this.#entry, subscription)
  }

  get #entry () { return `${this.#name} ${this.origin} ${this.#token}` }

  #hear ({ origin, token, data }) {
    if (this.#isClosed || token === this.#token) return
    if (origin !== '*' && this.origin !== '*' && origin !== this.origin) return
    this.dispatchEvent(messageEvent('message', inflateIPCMessageTransfers(data), [], origin))
  }

  /** So many messages are gone that were for this channel, since it did not take them in time. */
  #miss (count) {
    if (!this.#isClosed) this.dispatchEvent(messageEvent('missed', count))
  }

  /** Registers a listener; the first for messages begins to hear them. */
  addEventListener (type, callback, options = undefined) {
    super.addEventListener(type, callback, options)
    if (type !== 'message') return
    this.startMessages().catch(error => { this.dispatchEvent(new ErrorEvent('error', { error })) })
  }

  /**
   * Posts a message to all others. Posts of one channel arrive in order; one that fails does not stop later ones.
   * @param {any} message
   * @param {{ origin?: string, transfer?: any[] } | any[]} [optionsOrTransferList]
   * @returns {Promise<any>} the message as it was sent; `null` where it could not be, with an event `messageerror`. Rejected with an
   *   `InvalidStateError` once the channel is closed
   */
  postMessage (message, optionsOrTransferList = undefined) {
    if (this.#isClosed) return Promise.reject(new DOMException('the channel is closed', 'InvalidStateError'))
    const given = optionsOrTransferList?.origin
    const origin = typeof given === 'string' ? given : ownOrigin()
    let snapshot
    try {
      snapshot = snapshotOf(message)
    } catch (error) {
      return Promise.reject(error)
    }
    const post = async () => {
      try {
        await this.#start()
        this.#subscription.post(snapshot, origin)
        return message
      } catch (error) {
        this.dispatchEvent(new ErrorEvent('messageerror', { error }))
        return null
      }
    }
    this.#posted = this.#posted.then(post)
    return this.#posted
  }

  /** Hears nothing any more, and posts nothing any more but what was posted before. */
  close () {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#posted.then(() => this.#starting).then(() => this.#unsubscribe()).catch(() => {})
  }

  async #unsubscribe () {
    if (!this.#subscription) return
    IPCBroadcastChannel.subscriptions.delete(this.#entry)
    await this.#subscription.close()
  }
}

module.exports = { IPCBroadcastChannel }

// SPDX-License-Identifier: Apache-2.0
'use strict'

const { encodeValue, encoded } = require('./value-encoder.js')
const { native } = require('./native.js')
const { NetworkError } = require('./errors.js')
const { Records } = require('./records.js')
const { PortTable } = require('./remote-port.js')

/**
 * A link to a host: calls go out, replies come back by the slot they were called from. All of it on one thread; replies of
 * asynchronous calls come in batches from the event loop.
 */
class Link {
  #client
  #records = new Records()
  /** By slot: who waits. Free slots are kept in a list of their own. */
  #waiting = []
  #free = []
  #count = 0
  /** By slot: who hears the chunks of a stream. */
  #streams = new Map()
  /** By slot: bodies that are being sent. */
  #bodies = new Map()
  #ports
  /** Ports that keep the process alive. */
  #portCount = 0
  #isKept = false
  #onEvent = null
  #ending = null
  #isReleased = false

  /**
   * @param {string | number} target a host's name, or the number of a descriptor that leads to one
   * @param {{ folder?: string, copy?: boolean }} [options]
   */
  constructor (target, options = {}) {
    /** Called once when the link is over, with the reason. */
    this.onend = null
    try {
      this.#client = native().connect(
        target, options.folder ?? null, Boolean(options.copy), this.#records.numbers, this.#records.inbox,
        (count, extras) => this.#deliver(count, extras), reason => this.#end(reason), (...told) => this.#ports.hear(...told),
        (name, extras, slot) => this.#hear(name, extras, slot))
    } catch (cause) {
      if (!cause.status) throw cause
      throw Object.assign(new NetworkError(cause.message, { cause }), { status: cause.status })
    }
    this.#ports = new PortTable(this.#client, difference => {
      this.#portCount += difference
      this.#rest()
    })
  }

  /** Why the link is over; `null` while it stands. */
  get ending () { return this.#ending }

  /** How many calls wait for their reply. */
  get pending () { return this.#count }

  /** What the engine has counted. */
  get statistics () { return this.#isReleased ? null : native().statistics(this.#client) }

  /**
   * Sends a command; `done` is called with the reply from the event loop, and never before this returns.
   * @returns {number} for `abort`
   */
  call (command, value, body, timeout, seq, headers, done) {
    return this.#send(command, value, body, timeout, seq, headers, done, 0)
  }

  #send (command, value, body, timeout, seq, headers, done, window) {
    const chunks = body instanceof BodyChunks ? body : null
    const size = encodeValue(value)
    const slot = this.#free.pop() ?? this.#waiting.length
    try {
      native().call(this.#client, slot, command, encoded(), size, chunks ? null : body, timeout, seq, headers, window, chunks !== null)
    } catch (error) {
      this.#free.push(slot)
      throw error
    }
    this.#waiting[slot] = done
    if (chunks) this.#bodies.set(slot, chunks)
    this.#count += 1
    if (this.#count === 1) this.#keep()
    return slot
  }

  /**
   * Sends a command whose answer comes in chunks, of which none come before `take` asks for them: `heard` gets each, `done` the end.
   * @returns {number} for `take` and `abort`
   */
  stream (command, value, body, timeout, headers, window, heard, done) {
    const slot = this.#send(command, value, body, timeout, null, headers, done, window)
    this.#streams.set(slot, heard)
    return slot
  }

  /** Sends the next chunk of a call's body, when the host's handler takes it; false when nobody wants more. */
  async sendBody (slot, chunks, bytes) {
    while (this.#bodies.get(slot) === chunks && !this.#isReleased) {
      const outcome = native().bodySend(this.#client, slot, bytes)
      if (outcome !== 0) return outcome > 0
      await new Promise(resolve => { chunks.wake = resolve })
    }
    return false
  }

  /** The body of a call has ended. */
  endBody (slot, chunks) {
    if (this.#bodies.get(slot) !== chunks || this.#isReleased) return
    this.#bodies.delete(slot)
    native().bodyEnd(this.#client, slot)
  }

  /** Asks for so many chunks more of a stream. */
  take (slot, count) {
    if (this.#streams.has(slot)) native().take(this.#client, slot, count)
  }

  /** Sends a command and blocks until its reply is there. */
  callSync (command, value, body, timeout, seq, headers) {
    const size = encodeValue(value)
    const extras = native().callSync(this.#client, command, encoded(), size, body, timeout, seq, headers)
    this.#records.begin(extras)
    const reply = this.#records.take()
    // A program that never lets the event loop run must still see that the link is over.
    if (reply.failed) this.#ending ??= native().ending(this.#client) ?? null
    return reply
  }

  /** Nobody wants this call's reply any more; the host is told. */
  abort (slot) {
    if (!this.#waiting[slot]) return
    // Its slot is free when the engine has answered, as it does for every call.
    this.#waiting[slot] = ignore
    if (this.#streams.has(slot)) this.#streams.set(slot, ignore)
    native().abort(this.#client, slot)
  }

  /** Hears the host's events: `listener(name, detail, bytes, headers)`. */
  listen (listener) {
    if (!this.#onEvent) native().listen(this.#client)
    this.#onEvent = listener
  }

  /**
   * Opens a conversation with the host, which takes it under this name; what is posted before it has does not get lost.
   * @returns {IPCMessagePort}
   */
  openPort (name) { return this.#ports.open(name) }

  /** Opens a conversation with the next client that says the same name, where the host allows that. */
  meet (name) { return this.#ports.open(name, true) }

  /** @internal A port that hears broadcasts. */
  subscribe (name, origin) { return this.#ports.subscribe(name, origin) }

  /** Keeps the process alive as long as the link stands, also while nothing is pending. */
  ref () {
    this.#isKept = true
    this.#keep()
  }

  /** Only pending calls keep the process alive: how it is at first. */
  unref () {
    this.#isKept = false
    this.#keep()
  }

  /** Ends the link: what is pending fails with a NetworkError. */
  close () {
    if (this.#isReleased) return
    native().close(this.#client)
    this.#ending ??= native().ending(this.#client)
  }

  #keep () {
    if (!this.#isReleased) native().keep(this.#client, this.#isKept || this.#count + this.#portCount > 0)
  }

  #deliver (count, extras) {
    const replies = []
    this.#records.begin(extras)
    // All are read before anybody is told: who is told may call again, and use the same memory.
    for (let i = 0; i < count; i++) replies.push(this.#records.take())
    for (const reply of replies) {
      const done = this.#waiting[reply.slot]
      this.#waiting[reply.slot] = undefined
      this.#free.push(reply.slot)
      if (this.#streams.size > 0) this.#streams.delete(reply.slot)
      if (this.#bodies.size > 0) this.#stopBody(reply.slot)
      this.#count -= 1
      done(reply)
    }
    if (this.#count === 0) this.#rest()
  }

  /** The call is over, and with it its body. */
  #stopBody (slot) {
    const chunks = this.#bodies.get(slot)
    if (!chunks) return
    this.#bodies.delete(slot)
    chunks.wake()
    chunks.over()
  }

  #hear (name, extras, slot) {
    if (name === undefined) return this.#bodies.get(slot)?.wake()
    this.#records.begin(extras)
    const { value, bytes, headers, problem } = this.#records.take()
    if (slot !== undefined) return this.#streams.get(slot)?.({ name, value, bytes, headers, problem })
    this.#onEvent?.(name, value, bytes, headers)
  }

  #end (reason) {
    this.#ending ??= reason
    // Whoever reads a stream hears of that behind what had come.
    for (const slot of this.#streams.keys()) native().take(this.#client, slot, ALL)
    this.onend?.(reason)
    if (this.#count === 0) this.#rest()
  }

  /** Nothing is pending any more; after the end of the link there is nothing left to wait for. */
  #rest () {
    this.#keep()
    if (this.#ending === null || this.#isReleased || this.#count + this.#portCount > 0) return
    this.#isReleased = true
    this.#ports.end()
    native().release(this.#client)
  }
}

const ignore = () => {}

/** A body that follows its call in chunks. */
class BodyChunks {
  /** Tells whoever waits for room. */
  wake = ignore
  /** Tells that nobody wants more. */
  over = ignore
}

/** As many chunks as there are. */
const ALL = 0xffffffff

module.exports = { BodyChunks, Link }

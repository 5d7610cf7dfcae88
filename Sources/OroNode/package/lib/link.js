// SPDX-License-Identifier: Apache-2.0
'use strict'

const { isMainThread } = require('node:worker_threads')
const { buffersOf } = require('./bytes.js')
const { encodeValue, encoded } = require('./value-encoder.js')
const { native } = require('./native.js')
const { NetworkError } = require('./errors.js')
const { Records } = require('./records.js')
const { PortTable } = require('./remote-port.js')

/** What is said of a link that its own realm has closed before it was there. */
const CLOSED = 'the link was closed'

/** A failure of the addon's, as a program is told of it: what it says, behind what could not be done. */
function networkError (cause, doing = '') {
  if (!cause.status) return cause
  return Object.assign(new NetworkError(`${doing}${cause.message}`, { cause }), { status: cause.status })
}

/** A call that waits for the link to be there. */
class EarlyCall {
  isOver = false
  #start = performance.now()
  #timeout
  #timer = null

  /** `late` is called when its time is over first. */
  constructor (timeout, late) {
    this.#timeout = timeout
    if (timeout > 0) this.#timer = setTimeout(late, Math.min(timeout, LONGEST_TIMER))
  }

  /** Milliseconds that it has left: its time counts from the call on. 0: no limit. */
  get left () { return leftOf(this.#timeout, this.#start) }

  end () {
    this.isOver = true
    clearTimeout(this.#timer)
  }
}

/** The platform's timers know no longer time. */
const LONGEST_TIMER = 0x7fffffff

/** What is left of a timeout that began at `start`; 0 stays no limit. */
const leftOf = (timeout, start) => timeout === 0 ? 0 : Math.max(1, Math.ceil(timeout - (performance.now() - start)))

const timedOut = { type: 'TimeoutError', message: 'ipc.call timed out: there is no link yet' }

/** The reply of a call that never went out. */
const ownReply = (slot, { value = undefined, problem = null }) =>
  ({ slot, tag: 0, failed: true, takesStream: false, hasBody: false, value, bytes: null, headers: [], problem })

/**
 * A link to a host: calls go out, replies come back by the slot they were called from. All of it on one thread; replies of
 * asynchronous calls come in batches from the event loop.
 *
 * It is there at once, and connects meanwhile: what is asked before it has reached its host waits, in order.
 */
class Link {
  #client
  /** What waits for the link to be there; `null` when it is, or cannot be. */
  #later = []
  /** What is done with each host that it comes to. */
  #each = []
  /** By slot: calls among that. */
  #early = new Map()
  /** Who waits for `ready`. */
  #ready = null
  /** Why the link could not be. */
  #failure = null
  /** What an error of connecting begins with. */
  #doing
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
  #state = 'connected'
  #isReleased = false

  /**
   * @param {string | number} target a host's name, or the number of a descriptor that leads to one
   * @param {{ folder?: string, copy?: boolean, readOnly?: boolean }} [options]
   */
  constructor (target, options = {}) {
    /** Called once when the link is over, with the reason. */
    this.onend = null
    /** Called with each state that comes, and its reason; see `state`. */
    this.onstate = null
    this.#doing = typeof target === 'string' ? `connecting to the host '${target}': ` : `connecting over descriptor ${target}: `
    /** How many hosts it has come to, one after the other. */
    this.hosts = 1
    /** Whether the host is one of this very thread. */
    this.isOwnThreads = Boolean(options.isOwnThreads)
    try {
      this.#client = native().connect(
        target, options.folder ?? null, buffersOf(options), this.#records.numbers, this.#records.inbox,
        (count, extras) => this.#deliver(count, extras), reason => this.#end(reason), (...told) => this.#ports.hear(...told),
        (name, extras, slot) => this.#hear(name, extras, slot), (...why) => this.#settle(...why),
        (state, reason) => this.#change(STATES[state], reason))
    } catch (cause) {
      throw networkError(cause)
    }
    this.#ports = new PortTable(this.#client, difference => {
      this.#portCount += difference
      this.#rest()
    }, { whenOpen: work => this.whenOpen(work) })
  }

  /** Whether the host was not reached yet. */
  get isConnecting () { return this.#later !== null }

  /** This link, when it is there; rejected with why it cannot be. Until then it keeps the process alive. */
  get ready () {
    if (!this.#ready) {
      this.#ready = {}
      this.#ready.promise = new Promise((resolve, reject) => Object.assign(this.#ready, { resolve, reject }))
      if (this.isConnecting) this.#keep()
      else this.#tellReady()
    }
    return this.#ready.promise
  }

  #tellReady () {
    if (this.#failure) this.#ready?.reject(this.#failure)
    else this.#ready?.resolve(this)
  }

  /** Runs `work` when the link is there, at once when it is; never when it cannot be. */
  whenOpen (work) {
    if (this.#later) this.#later.push(work)
    else if (!this.#failure) work()
  }

  /** Runs `work` when the link is there, and each time it has come back: the host may be another then. */
  whenConnected (work) {
    this.#each.push(work)
    this.whenOpen(work)
  }

  /** The addon is done with connecting. */
  #settle (status, message) {
    if (status === undefined) this.#open()
    else this.#fail(networkError(Object.assign(new Error(message), { status }), this.#doing))
  }

  /** The link is there: what has waited for it goes out. */
  #open () {
    const works = this.#later
    if (!works) return
    this.#later = null
    for (const work of works) {
      if (this.#isReleased) return
      work()
    }
    this.#tellReady()
    this.#rest()
  }

  /** The host cannot be reached. */
  #fail (error) {
    if (!this.#later) return
    this.#later = null
    this.#failure = error
    this.#ending = error.message
    for (const slot of [...this.#early.keys()]) this.#replyEarly(slot, { problem: error })
    this.#tellReady()
    // Nobody has to hear of it by `ready`.
    this.#ready?.promise.catch(ignore)
    this.onend?.(error.message)
    this.#ports.end(error.message)
    this.#rest()
  }

  /** Ends a call that was never sent. */
  #replyEarly (slot, reply) {
    const done = this.#waiting[slot]
    this.#forget(slot)
    done(ownReply(slot, reply))
  }

  /** Forgets a call that was never sent. */
  #forget (slot) {
    this.#early.get(slot)?.end()
    this.#early.delete(slot)
    this.#over(slot)
    if (this.#count === 0) this.#rest()
  }

  /**
   * `connecting`, until the host is reached; `connected`; `reconnecting`, when the host has ended or drains, until it or another of its name is
   * there; `closed`, when it is over.
   */
  get state () { return this.#ending !== null ? 'closed' : this.isConnecting ? 'connecting' : this.#state }

  #change (state, reason) {
    if (state === this.#state) return
    this.#state = state
    if (state === 'connected') {
      this.hosts += 1
      for (const work of this.#each) work()
    }
    this.onstate?.(state, reason)
  }

  /** Why the link is over; `null` while it stands, or is being made again. */
  get ending () { return this.#ending }

  /** How many calls wait for their reply. */
  get pending () { return this.#count }

  /** What the engine has counted; nothing before the link is there. */
  get statistics () {
    if (this.#isReleased) return null
    return this.isConnecting ? { ...NOTHING, pending: this.#count } : native().statistics(this.#client)
  }

  /**
   * Sends a command; `done` is called with the reply from the event loop, and never before this returns.
   * @returns {number} for `abort`
   */
  call (command, value, body, timeout, seq, headers, isIdempotent, done) {
    return this.#send(command, value, body, timeout, seq, headers, isIdempotent, done, 0)
  }

  #send (command, value, body, timeout, seq, headers, isIdempotent, done, window) {
    const chunks = body instanceof BodyChunks ? body : null
    const size = encodeValue(value)
    // The code of the value may have ended the link.
    if (this.#failure) throw this.#failure
    const slot = this.#free.pop() ?? this.#waiting.length
    if (this.#later) {
      // As they are now, whatever becomes of them.
      const value = Buffer.from(encoded().subarray(0, size))
      const bytes = chunks || body === null ? null : Buffer.from(body)
      this.#sendLater(slot, timeout, left =>
        native().call(this.#client, slot, command, value, size, bytes, left, seq, headers, isIdempotent, window, chunks !== null), chunks)
    } else {
      try {
        native().call(this.#client, slot, command, encoded(), size, chunks ? null : body, timeout, seq, headers, isIdempotent, window, chunks !== null)
      } catch (error) {
        this.#free.push(slot)
        throw error
      }
    }
    this.#waiting[slot] = done
    if (chunks) this.#bodies.set(slot, chunks)
    this.#count += 1
    if (this.#count === 1) this.#keep()
    return slot
  }

  /** Has a call wait for the link. */
  #sendLater (slot, timeout, send, chunks) {
    const early = new EarlyCall(timeout, () => this.#replyEarly(slot, { value: timedOut }))
    this.#early.set(slot, early)
    this.#later.push(() => {
      if (early.isOver) return
      try {
        send(early.left)
      } catch (error) {
        return this.#replyEarly(slot, { problem: error })
      }
      early.end()
      this.#early.delete(slot)
      chunks?.wake()
    })
  }

  /**
   * Sends a command whose answer comes in chunks, of which none come before `take` asks for them: `heard` gets each, `done` the end.
   * @returns {number} for `take` and `abort`
   */
  stream (command, value, body, timeout, headers, window, heard, done) {
    const slot = this.#send(command, value, body, timeout, null, headers, false, done, window)
    this.#streams.set(slot, heard)
    return slot
  }

  /** Sends the next chunk of a call's body, when the host's handler takes it; false when nobody wants more. */
  async sendBody (slot, chunks, bytes) {
    while (this.#bodies.get(slot) === chunks && !this.#isReleased) {
      const outcome = this.#early.has(slot) ? 0 : native().bodySend(this.#client, slot, bytes)
      if (outcome !== 0) return outcome > 0
      await new Promise(resolve => { chunks.wake = resolve })
    }
    return false
  }

  /** The body of a call has ended. */
  endBody (slot, chunks) {
    if (this.#bodies.get(slot) !== chunks || this.#isReleased) return
    if (this.#early.has(slot)) return this.#later.push(() => this.endBody(slot, chunks))
    this.#bodies.delete(slot)
    native().bodyEnd(this.#client, slot)
  }

  /** Asks for so many chunks more of a stream. */
  take (slot, count) {
    const heard = this.#streams.get(slot)
    if (!heard) return
    if (!this.#early.has(slot)) return native().take(this.#client, slot, count)
    this.#later.push(() => { if (this.#streams.get(slot) === heard) native().take(this.#client, slot, count) })
  }

  /** Blocks until the link is there, at most so many milliseconds, 0: no limit but that of connecting. False when their time is over. */
  #waitSync (timeout) {
    let isThere
    try {
      isThere = native().connectWait(this.#client, timeout)
    } catch (cause) {
      const error = networkError(cause, this.#doing)
      this.#fail(error)
      throw error
    }
    if (isThere) this.#open()
    return isThere
  }

  /** Sends a command and blocks until its reply is there. */
  callSync (command, value, body, timeout, seq, headers, isIdempotent) {
    if (this.isOwnThreads) throw new DOMException(OWN_THREADS, 'InvalidStateError')
    const start = performance.now()
    if (this.isConnecting && !this.#waitSync(timeout)) return ownReply(0, { value: timedOut })
    if (this.#failure) throw this.#failure
    const size = encodeValue(value)
    const extras = native().callSync(
      this.#client, command, encoded(), size, body, leftOf(timeout, start), seq, headers, isIdempotent, !isMainThread)
    this.#records.begin(extras)
    const reply = this.#records.take()
    // A program that never lets the event loop run must still see that the link is over.
    if (reply.failed) this.#ending ??= native().ending(this.#client) ?? null
    return reply
  }

  /** Nobody wants this call's reply any more; the host is told. */
  abort (slot) {
    if (!this.#waiting[slot]) return
    if (this.#early.has(slot)) return this.#forget(slot)
    // Its slot is free when the engine has answered, as it does for every call.
    this.#waiting[slot] = ignore
    if (this.#streams.has(slot)) this.#streams.set(slot, ignore)
    native().abort(this.#client, slot)
  }

  /** Hears the host's events: `listener(name, detail, bytes, headers)`. */
  listen (listener) {
    if (!this.#onEvent) {
      this.whenOpen(() => {
        try {
          native().listen(this.#client)
        } catch {
          // It was over before it was there: nothing comes.
        }
      })
    }
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
    if (this.isConnecting) return this.#fail(new NetworkError(CLOSED))
    native().close(this.#client)
    this.#ending ??= native().ending(this.#client) ?? CLOSED
  }

  #keep () {
    if (this.#isReleased) return
    const isAwaited = this.isConnecting && this.#ready !== null
    native().keep(this.#client, this.#isKept || isAwaited || this.#count + this.#portCount > 0)
  }

  #deliver (count, extras) {
    const replies = []
    this.#records.begin(extras)
    // All are read before anybody is told: who is told may call again, and use the same memory.
    for (let i = 0; i < count; i++) replies.push(this.#records.take())
    for (const reply of replies) {
      const done = this.#waiting[reply.slot]
      this.#over(reply.slot)
      done(reply)
    }
    if (this.#count === 0) this.#rest()
  }

  /** A call has its reply, or wants none. */
  #over (slot) {
    this.#waiting[slot] = undefined
    this.#free.push(slot)
    if (this.#streams.size > 0) this.#streams.delete(slot)
    if (this.#bodies.size > 0) this.#stopBody(slot)
    this.#count -= 1
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
    this.#ports.end(this.#ending)
    native().release(this.#client)
  }
}

/** By the number that the library has for them. */
const STATES = ['connected', 'reconnecting', 'closed']

const OWN_THREADS = 'sendSync() would wait for a host of this very thread, which cannot answer meanwhile: use request()'

const NOTHING = { pending: 0, lateResults: 0, copiedBytes: 0, loanedBytes: 0, loans: 0, blockMemory: 0 }

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

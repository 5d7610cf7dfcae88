// SPDX-License-Identifier: Apache-2.0
'use strict'
/** Answers in chunks: one after another, as fast as they are taken. */

const { bodyLater, bodyNow, isLater, isPumped, pump, typeOf, withType } = require('./bodies.js')
const { problemOf, timeoutOf } = require('./call-options.js')
const connection = require('./connection.js')
const { about, abortError, isOwnTimeout, timeoutError } = require('./errors.js')
const { Headers, flatHeaders } = require('./headers.js')
const { BodyChunks } = require('./link.js')
const { attempt, onAbort } = require('./on-abort.js')
const { Queue } = require('./queue.js')
const { errorOf } = require('./reply.js')

/** Chunks of one stream that are on their way or wait. */
const WINDOW = 16
const MOST_WINDOW = 1024

/** A piece of a stream: an event with a name, a value, bytes, or several of these. */
class StreamEvent {
  constructor (name, value, bytes) {
    /** What an event is called; `null` for what is none. */
    this.name = name
    this.value = value
    this.bytes = bytes
  }

  /** The value, or the bytes where there is none. */
  get data () { return this.value === undefined ? this.bytes : this.value }
}

function windowOf ({ window = WINDOW }) {
  if (Number.isInteger(window) && window >= 1 && window <= MOST_WINDOW) return window
  throw new RangeError(`the window of a stream is 1 to ${MOST_WINDOW} chunks, not ${String(window)}`)
}

/**
 * What a command answers in chunks. It is asked when the first is wanted. For one reader, once: `break` in a loop over it, `cancel()`,
 * and the signal of the options end the host's handler.
 */
class CommandStream {
  #command
  #value
  #options
  #window
  /** Chunks that are fetched before anybody wants them. */
  #ahead
  #begun = null
  #link = null
  #slot = -1
  #chunks = new Queue()
  /** Who waits for a chunk. */
  #readers = []
  /** Chunks that were asked for, and have not come. */
  #asked = 0
  #isOver = false
  #error = null
  #stopListening = null
  #head
  #tellHead
  #isHeadKnown = false

  constructor (command, value, options = {}) {
    this.#command = command
    this.#value = value
    this.#options = options ?? {}
    this.#window = windowOf(this.#options)
    this.#ahead = this.#window >> 1
    this.#head = new Promise(resolve => { this.#tellHead = resolve })
  }

  /** The headers of the answer, which come with its first chunk; `null` when it has none. Never rejected. */
  get headers () {
    this.#begin()
    return this.#head
  }

  /** The next chunk; throws what the host's handler has thrown, behind the chunks before. */
  next () {
    this.#begin()
    if (this.#chunks.size > 0) {
      const value = this.#chunks.first
      this.#chunks.removeFirst()
      this.#ask()
      return Promise.resolve({ done: false, value })
    }
    if (this.#isOver) return this.#end()
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject })
      this.#ask()
    })
  }

  /** Gives the stream up. */
  async return (value = undefined) {
    this.cancel()
    return { done: true, value }
  }

  [Symbol.asyncIterator] () { return this }

  /** Gives the stream up: its handler is cancelled, and nothing comes any more. */
  cancel () {
    this.#chunks = new Queue()
    this.#finish(null)
    this.#error = null
  }

  #end () {
    const error = this.#error
    this.#error = null
    return error ? Promise.reject(error) : Promise.resolve({ done: true, value: undefined })
  }

  #begin () { this.#begun ??= this.#start().catch(error => this.#finish(error)) }

  async #start () {
    if (this.#isOver) return
    const { signal, bytes: body = null, headers } = this.#options
    const problem = problemOf(this.#command)
    if (problem) throw problem
    if (signal?.aborted) throw this.#abortedBy(signal)
    if (signal) this.#stopListening = onAbort(signal, () => this.#finish(this.#abortedBy(signal)))
    const { bytes, type } = isPumped(body, this.#options) ? { bytes: new BodyChunks(), type: typeOf(body) } : isLater(body) ? await bodyLater(body, signal) : bodyNow(body)
    if (this.#isOver) return
    const link = connection.open()
    this.#slot = link.stream(
      this.#command, this.#value, bytes, timeoutOf(this.#options), withType(flatHeaders(headers), type), this.#window - this.#ahead,
      chunk => this.#take(chunk), reply => this.#close(reply))
    this.#link = link
    if (bytes instanceof BodyChunks) pump(link, this.#slot, bytes, body).catch(error => this.#finish(error))
    this.#ask()
  }

  #abortedBy (signal) { return about(abortError(signal), { command: this.#command }) }

  /** Asks for as many chunks as may wait here, or are waited for. */
  #ask () {
    if (!this.#link || this.#isOver) return
    const wanted = Math.max(this.#ahead, this.#readers.length, this.#isHeadKnown ? 0 : 1)
    const missing = wanted - this.#chunks.size - this.#asked
    // Not for each alone, where some are there.
    if (missing <= 0 || (missing * 2 < this.#ahead && this.#readers.length === 0)) return
    this.#asked += missing
    this.#link.take(this.#slot, missing)
  }

  #take ({ name, value, bytes, headers, problem }) {
    if (this.#asked > 0) this.#asked -= 1
    if (this.#isOver) return
    if (problem) return this.#finish(problem)
    const isFirst = !this.#isHeadKnown
    if (isFirst) this.#know(headers.length ? Headers.from(headers) : null)
    const isEmpty = name === '' && value === undefined && bytes === null
    // The head alone.
    if (isFirst && isEmpty && headers.length) return this.#ask()
    const chunk = new StreamEvent(name === '' ? null : name, value, isEmpty ? Buffer.alloc(0) : bytes)
    const reader = this.#readers.shift()
    if (reader) reader.resolve({ done: false, value: chunk })
    else this.#chunks.push(chunk)
    this.#ask()
  }

  #know (headers) {
    this.#isHeadKnown = true
    this.#tellHead(headers)
  }

  /** The host has said that nothing more comes. */
  #close (reply) {
    this.#slot = -1
    let error = reply.problem
    if (!error && reply.failed) {
      error = errorOf(reply.value, this.#command, () => `ipc://${this.#command}`)
      if (isOwnTimeout(error)) error = timeoutError('stream', { command: this.#command, timeout: timeoutOf(this.#options) })
    }
    this.#finish(error ?? null)
  }

  #finish (error) {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#stopListening) attempt(this.#stopListening)
    if (this.#slot >= 0) this.#link.abort(this.#slot)
    this.#slot = -1
    this.#error = error
    const readers = this.#readers
    this.#readers = []
    // The first is told why, the others that it is over.
    for (const { resolve, reject } of readers) this.#end().then(resolve, reject)
    if (!this.#isHeadKnown) this.#know(null)
  }
}

/**
 * Asks for an answer in chunks, which `for await` reads: `for await (const { name, data } of stream('logs.tail', { lines: 10 })) { … }`. A
 * route that does not answer in chunks gives one.
 * @param {string} command
 * @param {any} [value]
 * @param {{ bytes?: any, headers?: any, timeout?: number, signal?: AbortSignal, window?: number }} [options] `timeout`: for the first
 *   chunk; `window`: chunks that are on their way or wait here, 16
 * @returns {CommandStream}
 */
const stream = (command, value = undefined, options = {}) => new CommandStream(command, value, options)

module.exports = { CommandStream, StreamEvent, stream }

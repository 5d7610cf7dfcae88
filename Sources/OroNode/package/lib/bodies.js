// SPDX-License-Identifier: Apache-2.0
'use strict'
/** Bodies as `fetch` takes them: bytes that are there, and those that have to be waited for. */

const { types } = require('node:util')
const { bodyBytes, viewBytes } = require('./bytes.js')

/** Most bytes that are collected for one message. */
const MOST = 64 * 1024 * 1024

const isFunction = value => typeof value === 'function'

/** Whether bytes come one after another: a stream of the platform's or of Node's, a generator, whatever can be iterated so. */
function isStreaming (value) {
  if (value === null || typeof value !== 'object') return false
  return isFunction(value[Symbol.asyncIterator]) || value instanceof ReadableStream || types.isGeneratorObject(value)
}

/** Whether the platform has to be asked for the bytes, and they come later. */
const isLater = body =>
  body !== null && typeof body === 'object' && !ArrayBuffer.isView(body) &&
  (body instanceof Blob || body instanceof FormData || body instanceof Response || isStreaming(body))

/** What `fetch` says a body is, where that is not said otherwise: with FormData a body cannot be read without it. */
function typeOf (body) {
  if (body instanceof URLSearchParams) return 'application/x-www-form-urlencoded;charset=UTF-8'
  if (body instanceof Response) return body.headers.get('content-type')
  return body instanceof Blob ? body.type || null : null
}

/** What comes one after another, and how it is given up at once. */
class Source {
  #iterator = null
  #reader = null
  #origin

  constructor (origin) {
    this.#origin = origin
    if (origin instanceof ReadableStream) this.#reader = origin.getReader()
    else this.#iterator = origin[Symbol.asyncIterator]?.() ?? origin
  }

  /** @returns {Promise<{ done: boolean, value: any }>} */
  async next () {
    if (this.#reader) return this.#reader.read()
    const next = await this.#iterator.next()
    // As `for await` has it: what says neither that it is over nor what comes would go on for ever.
    if (next === null || (typeof next !== 'object' && typeof next !== 'function')) throw new TypeError(`an iterator gives objects, not ${String(next)}`)
    return next
  }

  /** Nobody wants more. Whatever comes of that concerns nobody. */
  cancel (reason) {
    const ignore = () => {}
    try {
      if (this.#reader) return void this.#reader.cancel(reason).then(ignore, ignore)
      // A stream of Node's is waiting for its source; its iterator would wait with it.
      if (isFunction(this.#origin.destroy)) this.#origin.destroy()
      Promise.resolve(this.#iterator.return?.()).then(ignore, ignore)
    } catch {
      // Its own code has failed.
    }
  }
}

function chunkBytes (chunk) {
  if (typeof chunk === 'string' || ArrayBuffer.isView(chunk) || types.isAnyArrayBuffer(chunk)) return viewBytes(chunk)
  throw new TypeError(`a body in chunks has bytes or texts, not ${chunk === null ? 'null' : typeof chunk}`)
}

/** All bytes of what comes one after another. */
async function collect (streaming, signal = null) {
  const source = new Source(streaming)
  const giveUp = () => source.cancel(signal.reason)
  signal?.addEventListener?.('abort', giveUp, { once: true })
  const chunks = []
  let size = 0
  try {
    for (;;) {
      const { done, value } = await source.next()
      if (done) return Buffer.concat(chunks)
      const bytes = chunkBytes(value)
      size += bytes.length
      if (size > MOST) throw new RangeError(`a body of more than ${MOST} bytes does not fit a message`)
      // A copy: whoever makes chunks may use their memory again.
      chunks.push(Buffer.from(bytes))
    }
  } catch (error) {
    source.cancel(error)
    throw error
  } finally {
    signal?.removeEventListener?.('abort', giveUp)
  }
}

/**
 * The bytes of a body, and what it says they are; throws a TypeError for what is none.
 * @returns {{ bytes: Buffer | null, type: string | null }}
 */
function bodyNow (body) {
  if (body instanceof URLSearchParams) return { bytes: Buffer.from(String(body)), type: typeOf(body) }
  return { bytes: bodyBytes(body), type: null }
}

/**
 * The same for one that `isLater`.
 * @param {any} body
 * @param {AbortSignal | null} [signal]
 * @returns {Promise<{ bytes: Buffer, type: string | null }>}
 */
async function bodyLater (body, signal = null) {
  if (body instanceof Response) return { bytes: body.body ? await collect(body.body, signal) : Buffer.alloc(0), type: body.headers.get('content-type') }
  if (body instanceof Blob) return { bytes: Buffer.from(await body.arrayBuffer()), type: typeOf(body) }
  if (!(body instanceof FormData)) return { bytes: await collect(body, signal), type: null }
  const encoded = new Response(body)
  return { bytes: Buffer.from(await encoded.arrayBuffer()), type: encoded.headers.get('content-type') }
}

/**
 * Headers with the type of a body, where they do not say one.
 * @param {string[] | null} flat names and values in turn
 * @param {string | null} type
 */
function withType (flat, type) {
  if (!type || flat?.some((name, index) => index % 2 === 0 && name.toLowerCase() === 'content-type')) return flat
  return [...flat ?? [], 'content-type', type]
}

/** Most bytes of a chunk that is sent. */
const MOST_CHUNK = 1 << 20

/**
 * Sends a body chunk by chunk behind its call, as fast as the host's handler reads it. Throws what the body throws.
 * @param {Link} link
 * @param {number} slot the call
 * @param {BodyChunks} chunks what stands for the body in the call
 * @param {any} body
 */
async function pump (link, slot, chunks, body) {
  const source = new Source(body instanceof Blob ? body.stream() : body instanceof Response ? body.body ?? new Blob([]).stream() : body)
  let isOver = false
  chunks.over = () => {
    isOver = true
    source.cancel()
  }
  try {
    while (!isOver) {
      const { done, value } = await source.next()
      if (done) return link.endBody(slot, chunks)
      const bytes = chunkBytes(value)
      for (let start = 0; start < bytes.length && !isOver; start += MOST_CHUNK) {
        if (!await link.sendBody(slot, chunks, bytes.subarray(start, start + MOST_CHUNK))) return source.cancel()
      }
    }
  } catch (error) {
    source.cancel(error)
    if (!isOver) throw error
  }
}

/** Whether a body is sent while it is read: as `fetch` has it, by the option `duplex: 'half'`. */
const isPumped = (body, { duplex }) => duplex === 'half' && isLater(body) && !(body instanceof FormData)

module.exports = { Source, bodyLater, bodyNow, isLater, isPumped, isStreaming, pump, typeOf, withType }

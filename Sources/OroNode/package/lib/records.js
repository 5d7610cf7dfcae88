// SPDX-License-Identifier: Apache-2.0
'use strict'
/**
 * How the addon hands over what has come: without a JavaScript object for each thing, and many things in one call.
 *
 * A record is five numbers. Values, and bytes that are few, stand one after another in the inbox; what is long, and
 * headers, come in a list of extras, in the order of the records that have them. `addon/record.h` is the other half.
 */

const { EncodingError } = require('./errors.js')
const { decodeValue } = require('./value-decoder.js')

const WORDS = 5
const RECORDS = 256

const FAILED = 1
const HAS_BYTES = 2
const HAS_LONG_BYTES = 4
const HAS_LONG_VALUE = 8
const HAS_HEADERS = 16
const MALFORMED = 32
const TAKES_STREAM = 64
const HAS_BODY = 128

const NO_HEADERS = Object.freeze([])

/** One realm's memory for records, and the reading of them. */
class Records {
  /** What the addon writes to. */
  numbers = new Uint32Array(WORDS * RECORDS)
  inbox = Buffer.allocUnsafeSlow(128 * 1024)

  #next = 0
  #position = 0
  #extras = []
  #nextExtra = 0

  /** Begins to read what the addon has put here. */
  begin (extras = []) {
    this.#next = 0
    this.#position = 0
    this.#extras = extras
    this.#nextExtra = 0
  }

  /**
   * Reads the next record.
   * @returns {{ slot: number, tag: number, failed: boolean, takesStream: boolean, hasBody: boolean, value: any, bytes: Buffer | null, headers: Array<[string, string]>, problem: Error | null }}
   */
  take () {
    const { numbers, inbox } = this
    const slot = numbers[this.#next]
    const flags = numbers[this.#next + 1]
    const valueBytes = numbers[this.#next + 2]
    const byteCount = numbers[this.#next + 3]
    const tag = numbers[this.#next + 4]
    this.#next += WORDS
    const reply = {
      slot,
      tag,
      failed: (flags & FAILED) !== 0,
      takesStream: (flags & TAKES_STREAM) !== 0,
      hasBody: (flags & HAS_BODY) !== 0,
      value: undefined,
      bytes: null,
      headers: NO_HEADERS,
      problem: flags & MALFORMED ? new EncodingError('what the host sent is no value') : null
    }
    // The order is the addon's: value, bytes, headers.
    const start = this.#position
    if (flags & HAS_LONG_VALUE) {
      this.#decode(reply, this.#takeExtra(), 0, valueBytes)
    } else if (valueBytes > 0) {
      this.#position += valueBytes
      this.#decode(reply, inbox, start, start + valueBytes)
    }
    if (flags & HAS_LONG_BYTES) {
      reply.bytes = this.#takeExtra()
    } else if (flags & HAS_BYTES) {
      // A copy of their own: the inbox is used again.
      reply.bytes = Buffer.from(inbox.subarray(this.#position, this.#position + byteCount))
      this.#position += byteCount
    }
    if (flags & HAS_HEADERS) reply.headers = this.#takeExtra()
    return reply
  }

  #takeExtra () { return this.#extras[this.#nextExtra++] }

  /** A value that is none fails its own reply, and no other. */
  #decode (reply, bytes, start, stop) {
    try {
      reply.value = decodeValue(bytes, start, stop)
    } catch (error) {
      reply.problem = error
    }
  }
}

module.exports = { Records }

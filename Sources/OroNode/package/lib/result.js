// SPDX-License-Identifier: Apache-2.0
'use strict'

const { Headers } = require('./headers.js')
const { randomId } = require('./ids.js')
const { isError } = require('./kinds.js')
const { maybeMakeError } = require('./make-error.js')

const isEnvelope = value =>
  value !== null && typeof value === 'object' && (Object.hasOwn(value, 'data') || Object.hasOwn(value, 'err'))

/**
 * What a request came to. `const { err, data } = result` and `const [err, data] = result` both work.
 */
class Result {
  /**
   * Makes a result of an envelope `{ err?, data?, source?, headers?, id? }`, of an error, or of bare data.
   * @param {any} result
   * @param {Error | object | string | null} [maybeError] a text without `maybeSource` is the source
   * @param {string | null} [maybeSource]
   * @param {any} [maybeHeaders]
   * @returns {Result}
   */
  static from (result, maybeError = null, maybeSource = null, maybeHeaders = null) {
    if (result instanceof Result) {
      result.source ||= maybeSource
      result.err ||= maybeError
      result.headers ||= maybeHeaders
      return result
    }
    if (isError(result)) result = { err: result }
    if (!maybeSource && typeof maybeError === 'string') [maybeError, maybeSource] = [null, maybeError]

    const id = result?.id || null
    const err = maybeMakeError(result?.err || maybeError || null, Result.from)
    let data = null
    if (!err) {
      if (isEnvelope(result)) data = result.data ?? null
      else if (result?.data != null) data = result.data
      else if (!id && !result?.source) data = result ?? null
    }
    return new this(id, err, data, result?.source || maybeSource, result?.headers || maybeHeaders)
  }

  /**
   * @param {string | null} [id] a random one when it is left out
   * @param {Error | null} [err]
   * @param {any} [data]
   * @param {string | null} [source] the command
   * @param {any} [headers]
   */
  constructor (id = randomId(), err = null, data = null, source = null, headers = null) {
    this.id = id
    this.err = err
    this.data = data
    this.source = typeof source === 'string' && source ? source : null
    this.headers = headers ? Headers.from(headers) : null
  }

  get 0 () { return this.err }
  get 1 () { return this.data }
  get 2 () { return this.source }
  get 3 () { return this.headers }

  /** How many parts the iteration has: 4, less those that are `undefined`. */
  get length () { return [...this].length }

  /** Err, data, source, headers. */
  * [Symbol.iterator] () {
    for (const part of [this.err, this.data, this.source, this.headers]) {
      if (part !== undefined) yield part
    }
  }

  /** As a plain object, the error with its name, message, type and code. */
  toJSON () {
    const { err } = this
    return {
      headers: this.headers ? Headers.from(this.headers).toJSON() : null,
      source: this.source ?? null,
      data: this.data ?? null,
      err: err
        ? { message: err.message ?? '', name: err.name ?? '', type: err.type ?? '', code: err.code ?? '', ...err }
        : null
    }
  }
}

module.exports = { Result }

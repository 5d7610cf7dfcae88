// SPDX-License-Identifier: Apache-2.0
'use strict'
/** `maybeMakeError`: what a peer sent as an error becomes one. */

const errors = require('./errors.js')
const { isError } = require('./kinds.js')

/** How to make an error of each type that selects its class, from (message, code, payload). */
const makers = {
  AbortError: message => new errors.AbortError(message),
  AggregateError: message => new AggregateError([], message),
  BadRequestError: message => new errors.BadRequestError(message),
  DOMException: (message, code, payload) => new DOMException(message, payload.name),
  EncodingError: message => new errors.EncodingError(message),
  IndexSizeError: message => new errors.IndexSizeError(message),
  InternalError: (message, code) => new errors.InternalError(message, code),
  InvalidAccessError: message => new errors.InvalidAccessError(message),
  NetworkError: message => new errors.NetworkError(message),
  NotAllowedError: message => new errors.NotAllowedError(message),
  NotFoundError: message => new errors.NotFoundError(message),
  NotSupportedError: message => new errors.NotSupportedError(message),
  OperationError: message => new errors.OperationError(message),
  RangeError: message => new RangeError(message),
  SecurityError: message => new errors.SecurityError(message),
  TimeoutError: message => new errors.TimeoutError(message),
  TypeError: message => new TypeError(message),
  URIError: message => new URIError(message)
}

/** The type that a number stands for, in `code` or in `type`. */
const typesByNumber = new Map()
for (const type of Object.keys(makers)) {
  const number = errors[type]?.code
  if (number) typesByNumber.set(number, type)
}

/** Whether errors of this type are made as what they are. */
const isKnownType = type => Object.hasOwn(makers, type)

/** The bare error: the first rule that applies. */
function choose (payload, type) {
  const { code } = payload
  const message = payload.message || ''
  if (code && errors.ErrnoError.isKnown(-code)) return new errors.ErrnoError(-code)
  if (isKnownType(type)) return makers[type](message, code, payload)
  const named = typesByNumber.get(type) ?? typesByNumber.get(code)
  if (named) return makers[named](message, code, payload)
  const error = new Error(message)
  // A type that nobody here knows is kept: it may be all that tells the caller what happened.
  if (type !== 'Error') error.type = type
  return error
}

/**
 * Makes an error of what stands for one: an `Error` as it is, `null` for nothing, a text as its message, an object by its
 * `type`, `code` and `message`, its other members becoming those of the error.
 * @param {any} error
 * @param {Function} [caller] where the stack is to begin
 * @returns {Error | null}
 */
function maybeMakeError (error, caller) {
  if (!error) return null
  if (isError(error)) return error

  let made
  if (typeof error === 'string') {
    made = new Error(error)
  } else {
    const { type, ...payload } = error
    made = choose(payload, type || 'Error')
    for (const [key, value] of Object.entries(payload)) {
      if (key === '__proto__' || (key === 'message' && value == null)) continue
      // What belongs to the class (`name`, `code`) stays what the class says.
      Reflect.set(made, key, value)
    }
  }
  if (typeof caller === 'function') Error.captureStackTrace(made, caller)
  return made
}

module.exports = { isKnownType, maybeMakeError }

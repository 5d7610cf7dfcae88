// SPDX-License-Identifier: Apache-2.0
'use strict'
/**
 * The classes of errors. `name` and `code` belong to the class; its static `code` is the number errors are known by
 * where they travel as one.
 */

const os = require('node:os')
const { getSystemErrorMap } = require('node:util')

/** Makes a class whose `name`, `code` and static numeric `code` are constant. */
function define (name, code, number, Base = Error) {
  const Class = class extends Base {
    constructor (message = '', options = undefined) {
      super(message, options !== null && typeof options === 'object' ? options : undefined)
    }

    get name () { return name }
    get code () { return code }
  }
  Object.defineProperty(Class, 'name', { value: name })
  Object.defineProperty(Class, 'code', { value: number })
  return Class
}

const BadRequestError = define('BadRequestError', 'BAD_REQUEST_ERR', 0)
const EncodingError = define('EncodingError', 'ENCODING_ERR', 32)
const FinalizationRegistryCallbackError = define(
  'FinalizationRegistryCallbackError', 'FINALIZATION_REGISTRY_CALLBACK_ERR', 0)
const IllegalConstructorError = define('IllegalConstructorError', 'ILLEGAL_CONSTRUCTOR_ERR', 0, TypeError)
const IndexSizeError = define('IndexSizeError', 'INDEX_SIZE_ERR', 1)
const InvalidAccessError = define('InvalidAccessError', 'INVALID_ACCESS_ERR', 15)
const NetworkError = define('NetworkError', 'NETWORK_ERR', 19)
const NotAllowedError = define('NotAllowedError', 'NOT_ALLOWED_ERR', 31)
const NotFoundError = define('NotFoundError', 'NOT_FOUND_ERR', 8)
const NotSupportedError = define('NotSupportedError', 'NOT_SUPPORTED_ERR', 9)
const OperationError = define('OperationError', 'OPERATION_ERR', 30)
const SecurityError = define('SecurityError', 'SECURITY_ERR', 18)
const TimeoutError = define('TimeoutError', 'TIMEOUT_ERR', 23)

/** A module that was not found, and who asked for it. */
class ModuleNotFoundError extends NotFoundError {
  constructor (message, requireStack = []) {
    super(message)
    this.requireStack = requireStack
  }

  get name () { return 'ModuleNotFoundError' }
  get code () { return 'MODULE_NOT_FOUND' }
}

/** The operation was given up: by its caller, for a reason, by a signal. */
class AbortError extends Error {
  static code = 20

  /** @param {AbortSignal | { reason: any } | string} [reasonOrSignal] */
  constructor (reasonOrSignal) {
    const isSignal = reasonOrSignal !== null && typeof reasonOrSignal === 'object'
    const reason = isSignal ? reasonOrSignal.reason : reasonOrSignal
    super(reason ? String(reason) : 'The operation was aborted')
    this.signal = isSignal && (reason || reasonOrSignal instanceof AbortSignal) ? reasonOrSignal : null
  }

  get name () { return 'AbortError' }
  get code () { return 'ABORT_ERR' }
}

/**
 * What a call that its signal has ended ends with: an AbortError, or a TimeoutError as of `AbortSignal.timeout`. The signal's own reason is its
 * cause.
 * @param {AbortSignal} signal
 */
function abortError (signal) {
  const { reason } = signal
  const isTime = reason instanceof DOMException && reason.name === 'TimeoutError'
  const error = isTime ? new TimeoutError(reason.message) : new AbortError(signal)
  if (isTime) error.signal = signal
  if (reason !== undefined) Object.defineProperty(error, 'cause', { value: reason, configurable: true, writable: true })
  return error
}

/**
 * Says in an error which call it ended, where its text is given: `command`, and the `timeout` that was over, in milliseconds. Not
 * enumerable: nothing that copies errors, or compares them, sees these.
 * @template {Error} E
 * @param {E} error
 * @param {{ command?: string, timeout?: number }} subject
 * @returns {E}
 */
function about (error, subject) {
  for (const [key, value] of Object.entries(subject)) {
    if (value !== undefined && !(key in error)) Object.defineProperty(error, key, { value, configurable: true, writable: true })
  }
  return error
}

/** How the engine says that a call's time is over; what a handler throws is its own. */
const OWN_TIMEOUT = /^ipc\.\w+ timed out: /
const isOwnTimeout = error => error.name === 'TimeoutError' && OWN_TIMEOUT.test(error.message)

/**
 * What a call ends with whose timeout is over. Its message is the module's own; the text that is printed says which call that was, in the
 * words of all other languages.
 * @param {string} verb
 * @param {{ command: string, timeout: number }} subject
 */
function timeoutError (verb, subject) {
  const isStream = verb === 'stream'
  const message = `ipc.${verb} timed out`
  const words = `${message}: '${subject.command}' gave no ${isStream ? 'chunk' : 'answer'} within ${subject.timeout} ms`
  const error = new TimeoutError(isStream ? words : message)
  if (isStream) return about(error, subject)
  const hidden = value => ({ value, configurable: true, writable: true })
  Object.defineProperties(error, {
    stack: hidden(error.stack.replace(message, () => words)),
    toString: hidden(() => `${error.name}: ${words}`)
  })
  return about(error, subject)
}

/** An error inside the engine; whoever makes it may give it a code of its own. */
class InternalError extends Error {
  static code = 0
  #code = 'INTERNAL_ERR'

  constructor (message = '', code = undefined) {
    super(message)
    if (code) this.#code = code
  }

  get name () { return 'InternalError' }
  get code () { return this.#code }
  set code (code) { this.#code = code }
}

const knownErrnos = new Set(Object.values(os.constants.errno))

/** An error of the operating system: `code` is the positive errno, `name` what it is called. */
class ErrnoError extends Error {
  #errno

  /** @param {number} errno positive */
  constructor (errno, message = undefined) {
    super(message || (getSystemErrorMap().get(-errno)?.[1] ?? ''))
    this.#errno = errno
  }

  static isKnown (errno) { return knownErrnos.has(errno) }

  get name () { return getSystemErrorMap().get(-this.#errno)?.[0] ?? 'SystemError' }
  get code () { return this.#errno }
}
// As `Function.name`, so that nobody selects the class by a number.
Object.defineProperty(ErrnoError, 'code', { value: '' })

module.exports = {
  AbortError,
  BadRequestError,
  EncodingError,
  ErrnoError,
  FinalizationRegistryCallbackError,
  IllegalConstructorError,
  IndexSizeError,
  InternalError,
  InvalidAccessError,
  ModuleNotFoundError,
  NetworkError,
  NotAllowedError,
  NotFoundError,
  NotSupportedError,
  OperationError,
  SecurityError,
  TimeoutError,
  about,
  abortError,
  isOwnTimeout,
  timeoutError
}

// SPDX-License-Identifier: Apache-2.0
'use strict'
/** The calls: `send`, `request`, `write`, `sendSync`. Whatever goes wrong with one is the `err` of its result. */

const { types } = require('node:util')
const { args } = require('./args.js')
const { bodyLater, bodyNow, isLater, isPumped, pump, typeOf, withType } = require('./bodies.js')
const { cached, keep, keyOf } = require('./cache.js')
const connection = require('./connection.js')
const { problemOf, timeoutOf } = require('./call-options.js')
const { debug } = require('./debug.js')
const { about, abortError, isOwnTimeout, timeoutError } = require('./errors.js')
const { waiting } = require('./events.js')
const { askExtension, askExtensionSync, extensionFor } = require('./extension.js')
const { BodyChunks } = require('./link.js')
const { attempt, onAbort } = require('./on-abort.js')
const { flatHeaders } = require('./headers.js')
const { isPlainObject } = require('./kinds.js')
const { dataOf, errorOf } = require('./reply.js')
const { Result } = require('./result.js')
const { IPCSearchParams } = require('./search-params.js')
const { nextSeq } = require('./seq.js')
const { CommandStream } = require('./stream.js')
const { byteStream, formOf } = require('./stream-body.js')


const failed = (err, source) => new Result(null, err, null, source)

/** The caller's own sequence number: its digits, where the parameter `seq` is one. */
function ownSeq (value) {
  if (!isPlainObject(value) || value.seq === undefined || value.seq === null) return null
  return /^R?(\d+)$/.exec(String(value.seq))?.[1] ?? null
}

/** A call that is under way, as far as it does not matter how it waits. */
class Call {
  /**
   * @param {'send' | 'request' | 'write' | 'sendSync'} verb
   * @param {string} command
   * @param {any} value
   * @param {any} body
   * @param {object} options
   */
  constructor (verb, command, value, body, options) {
    this.verb = verb
    this.command = command
    this.value = value
    this.body = body
    this.options = options
    this.key = null
    this.link = null
  }

  /** The result when there is nothing to be sent: a wrong command, or values of a kept call that cannot travel. */
  early () {
    const { command, options } = this
    const problem = problemOf(command)
    if (problem) return failed(problem, typeof command === 'string' ? command : null)
    try {
      // What headers and bytes say is no part of a key.
      const isKept = options.cache === true && !options.headers && this.body === null && this.verb !== 'write'
      if (isKept) ({ key: this.key, sent: this.value } = keyOf(command, this.value))
    } catch (error) {
      return failed(error, command)
    }
    return null
  }

  /** The result that is kept for this call on the link it goes over, or `null`. */
  on (link) {
    this.link = link
    return this.key === null ? null : cached(link, this.key) ?? null
  }

  /** Takes the call's sequence number. */
  begin () {
    this.ownSeq = ownSeq(this.value)
    this.seq = this.ownSeq === null ? nextSeq() : String(this.value.seq)
    if (debug.enabled) debug.log(`ipc.${this.verb}:`, this.command, this.value, this.seq)
  }

  /** The URL that a host which is asked by URL would see. */
  get url () {
    const isSync = this.verb === 'sendSync'
    const params = new IPCSearchParams(this.value, this.verb === 'send' ? null : Date.now(), this.seq)
    if (isSync) params.append('__sync__', 'true')
    return `ipc://${this.command}${this.verb === 'send' ? '' : '/'}?${params}`
  }

  /** Makes the result of what the host answered. */
  finish (reply) {
    const { command } = this
    const result = new Result(null, null, null, command, reply.headers.length ? reply.headers : null)
    if (reply.problem) {
      result.err = reply.problem
    } else if (reply.failed) {
      result.err = this.name(errorOf(reply.value, command, () => this.url))
    } else {
      result.data = dataOf(reply, this.options.responseType ?? '')
    }
    if (debug.enabled) debug.log(`ipc.${this.verb}: (resolved)`, command, result)
    return this.key === null ? result : keep(this.link, this.key, result)
  }

  /** The engine's own timeout, by the name of the call it was here. */
  name (err) {
    if (!isOwnTimeout(err)) return err
    const timedOut = timeoutError(this.verb, { command: this.command, timeout: timeoutOf(this.options) })
    // It waited for a link.
    if (err.delivery) timedOut.delivery = err.delivery
    return timedOut
  }

  /** What the call ends with that its signal has ended. */
  abortedBy (signal) { return about(abortError(signal), { command: this.command }) }
}

/** The open link, or why there is none. */
function openLink () {
  try {
    return { link: connection.open(), problem: null }
  } catch (error) {
    return { link: null, problem: error }
  }
}

/** The result of a reply; what goes wrong with it is its error. */
function finished (call, reply) {
  try {
    return call.finish(reply)
  } catch (error) {
    return failed(error, call.command)
  }
}

/** Why a body could not be read: the signal, or the body itself. */
function reasonOf (error, { signal }) {
  try {
    return signal?.aborted ? abortError(signal) : error
  } catch (thrown) {
    return thrown
  }
}

/** Starts an asynchronous call. */
function start (call) {
  const { command, options, body } = call
  const early = call.early()
  if (early) return Promise.resolve(early)
  if (options.responseType === 'stream') return startStream(call)
  if (!isLater(body)) return new Promise(settle => begin(call, settle, bodyNow))
  if (isPumped(body, options)) return new Promise(settle => begin(call, settle, () => ({ bytes: new BodyChunks(), type: typeOf(body) })))
  return bodyLater(body, options.signal).then(
    given => new Promise(settle => begin(call, settle, () => given)),
    error => failed(reasonOf(error, options), command))
}

const NO_BODY = { bytes: null, type: null }

/** Sends a call whose body `bytesOf` has now. */
function begin (call, settle, bytesOf) {
  const { command, options } = call
  call.begin()
  const { signal } = options
  const handler = extensionFor(command, options, false)
  if (handler) return settle(askExtension(handler, call.url, call.body ?? null, command))
  try {
    if (signal?.aborted) return settle(failed(call.abortedBy(signal), command))
  } catch (error) {
    return settle(failed(error, command))
  }
  const { link, problem } = openLink()
  if (!link) return settle(failed(problem, command))
  const kept = call.on(link)
  if (kept) return settle(kept)

  let ticket = null
  const isWaiting = call.verb === 'send'
  let stopListening = null
  const end = result => {
    if (stopListening) attempt(stopListening)
    if (isWaiting) waiting.delete(call.seq)
    settle(result)
  }
  const giveUp = error => {
    link.abort(ticket)
    end(failed(error, command))
  }
  try {
    const { bytes, type } = call.body === null ? NO_BODY : bytesOf(call.body)
    const flat = options.headers ? flatHeaders(options.headers) : null
    const headers = type === null ? flat : withType(flat, type)
    ticket = link.call(command, call.value, bytes, timeoutOf(options), call.ownSeq, headers, options.idempotent === true, reply => end(finished(call, reply)))
    if (bytes instanceof BodyChunks) pump(link, ticket, bytes, call.body).catch(giveUp)
  } catch (error) {
    return settle(failed(error, command))
  }
  if (isWaiting) {
    // `resolve(seq, value)` may answer in the host's place.
    waiting.set(call.seq, value => {
      link.abort(ticket)
      end(Result.from(value, null, command))
    })
  }
  if (!signal) return
  try {
    stopListening = onAbort(signal, () => giveUp(call.abortedBy(signal)))
  } catch (error) {
    giveUp(error)
  }
}

/** A call with the `responseType` 'stream': its data is a stream of bytes, and it is settled when the first have come. */
async function startStream (call) {
  const { command, options, body } = call
  try {
    if (options.signal?.aborted) return failed(call.abortedBy(options.signal), command)
    const stream = new CommandStream(command, call.value, { ...options, bytes: body })
    const { done, value: first } = await stream.next()
    const data = byteStream(stream, done ? [] : [first], formOf(done ? { name: null, value: undefined } : first))
    return new Result(null, null, data, command, await stream.headers)
  } catch (error) {
    return failed(call.name(error), command)
  }
}

/**
 * Sends a command; waits for its result as long as it takes, unless `options` say otherwise.
 * @param {string} command
 * @param {any} [value]
 * @param {object} [options] `bytes`, `headers`, `cache`, `timeout`, `signal`, `responseType`
 * @returns {Promise<Result>}
 */
function send (command, value = undefined, options = undefined) {
  options ??= {}
  return start(new Call('send', command, value, options.bytes ?? null, options))
}

/**
 * Sends a command and asks for its result.
 * @param {string} command
 * @param {any} [value]
 * @param {object} [options] `bytes`, `headers`, `timeout`, `signal`, `responseType`, `cache`
 * @returns {Promise<Result>}
 */
function request (command, value = undefined, options = undefined) {
  options ??= {}
  return start(new Call('request', command, value, options.bytes ?? null, options))
}

/**
 * Sends a command with bytes.
 * @param {string} command
 * @param {any} [value]
 * @param {any} [buffer]
 * @param {object} [options] `headers`, `timeout`, `signal`, `responseType`
 * @returns {Promise<Result>}
 */
function write (command, value = undefined, buffer = null, options = undefined) {
  return start(new Call('write', command, value, buffer ?? null, options ?? {}))
}

const isBody = value => ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value) || typeof value === 'string' || Array.isArray(value) || value instanceof URLSearchParams || isLater(value)

/**
 * Sends a command and blocks this thread until its result is there.
 * @param {string} command
 * @param {any} [value]
 * @param {any} [options] `headers`, `cache`, `timeout`, `responseType`; bytes, a text or an array are the body
 * @param {any} [buffer]
 * @returns {Result}
 */
function sendSync (command, value = '', options = null, buffer = null) {
  if (isBody(options)) [options, buffer] = [isPlainObject(buffer) ? buffer : null, isPlainObject(buffer) || !buffer ? options : buffer]
  options ??= {}
  const call = new Call('sendSync', command, value, buffer, options)
  const early = call.early()
  if (early) return early
  call.begin()
  const handler = extensionFor(command, options, true)
  if (handler) return askExtensionSync(handler, call.url, buffer, command)
  const { link, problem } = openLink()
  if (!link) return failed(problem, command)
  const kept = call.on(link)
  if (kept) return kept
  try {
    if (options.responseType === 'stream') throw new TypeError('sendSync waits for all of an answer: a stream is for request()')
    const { bytes, type } = call.body === null ? NO_BODY : bodyNow(call.body)
    return call.finish(link.callSync(command, call.value, bytes, timeoutOf(options), call.ownSeq, withType(flatHeaders(options.headers), type), options.idempotent === true))
  } catch (error) {
    return failed(error, command)
  }
}

module.exports = { send, request, write, sendSync }

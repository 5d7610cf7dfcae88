// SPDX-License-Identifier: Apache-2.0
'use strict'
/**
 * The event target of this realm: what hosts emit, and what `emit` and `resolve` dispatch. Node's global object is none.
 */

const { args } = require('./args.js')

const CustomEvent = globalThis.CustomEvent ?? class CustomEvent extends Event {
  #detail

  constructor (type, options = undefined) {
    super(type, options)
    this.#detail = options?.detail ?? null
  }

  get detail () { return this.#detail }
}

/** An event that tells of an error. */
const ErrorEvent = globalThis.ErrorEvent ?? class ErrorEvent extends Event {
  #error
  #message

  constructor (type, options = undefined) {
    super(type, options)
    this.#error = options?.error ?? null
    this.#message = options?.message ?? options?.error?.message ?? ''
  }

  get error () { return this.#error }
  get message () { return this.#message }
}

const events = new EventTarget()

/** Requests that `resolve` may complete, by sequence number. */
const waiting = new Map()

/** What `emit` hands over for a text: it may be percent-encoded JSON. */
function decodeText (text) {
  let decoded
  try {
    decoded = decodeURIComponent(text)
  } catch {
    return text
  }
  try {
    return JSON.parse(decoded)
  } catch {
    return decoded
  }
}

/**
 * Dispatches a CustomEvent with `value` as its detail on `target`. A text is decoded first.
 * @param {string} name
 * @param {any} value
 * @param {EventTarget} [target]
 * @param {object} [options] further members of the event's options
 * @returns {Promise<void>}
 */
async function emit (name, value, target = undefined, options = undefined) {
  if (value === '') {
    console.error(`ipc.emit: the value of '${name}' is empty; nothing was dispatched`)
    return
  }
  const detail = typeof value === 'string' ? decodeText(value) : value
  ;(target ?? events).dispatchEvent(new CustomEvent(name, { detail, ...options }))
}

/**
 * Dispatches the result of the request `seq`, and completes that request when it still waits.
 * @param {string} seq
 * @param {any} value
 * @returns {Promise<void>}
 */
async function resolve (seq, value) {
  waiting.get(String(seq))?.(value)
  events.dispatchEvent(new CustomEvent(`resolve-${args().index || 0}-${seq}`, { detail: value }))
}

/** The listener of an attribute such as `onmessage`, in place of the one in `handlers`; what is no function takes it away. */
function setHandler (target, handlers, type, handler) {
  if (handlers[type]) target.removeEventListener(type, handlers[type])
  handlers[type] = typeof handler === 'function' ? handler : null
  if (handlers[type]) target.addEventListener(type, handlers[type])
}

module.exports = { setHandler, CustomEvent, ErrorEvent, events, waiting, emit, resolve }

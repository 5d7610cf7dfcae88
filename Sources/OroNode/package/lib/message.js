// SPDX-License-Identifier: Apache-2.0
'use strict'

const { copyBytes, viewBytes } = require('./bytes.js')
const { isBufferLike } = require('./kinds.js')
const { parseJSON } = require('./parse-json.js')

const PROTOCOL = 'ipc:'

/** What a parameter looks like in a query. */
const textOf = value => value && typeof value === 'object' ? JSON.stringify(value) : `${value}`

/** The parameters as pairs of key and value, in order; duplicates are kept where `params` can have them. */
function pairsOf (params) {
  if (params === null || params === undefined) return []
  if (typeof params === 'string') return [...new URLSearchParams(params)]
  if (Array.isArray(params)) return params
  if (typeof params.entries === 'function') return [...params.entries()]
  return Object.entries(params)
}

/** `text` with these parameters added to those it has; of a key in both, those given here stay. */
function withParams (text, params) {
  const pairs = pairsOf(params).map(([key, value]) => [String(key), textOf(value)])
  if (!/[?#]/.test(text)) return `${text}?${new URLSearchParams(pairs)}`
  const url = new URL(text)
  for (const [key] of pairs) url.searchParams.delete(key)
  for (const [key, value] of pairs) url.searchParams.append(key, value)
  return url.href
}

/** A value as it was meant: what its text is the JSON of, otherwise the text. */
const valueOf = text => parseJSON(text) ?? text

/** A command with its parameters, as a URL: `ipc://command?key=value`. */
class Message extends URL {
  /** The protocol of every message. */
  static get PROTOCOL () { return PROTOCOL }

  /**
   * Makes a message of a command's name, a URL, its text or bytes, another message, or `{ command, params }`.
   * @param {any} input
   * @param {any} [params] an object, a query's text, `URLSearchParams`, a `Map`, pairs; bytes are taken as `bytes`
   * @param {ArrayBuffer | Uint8Array | string | number[] | null} [bytes] copied
   * @returns {Message}
   */
  static from (input, params, bytes = null) {
    if (isBufferLike(input)) input = viewBytes(input).toString()
    if (isBufferLike(params)) [params, bytes] = [null, params]
    const body = bytes ? copyBytes(bytes) : null

    if (input instanceof Message) {
      const message = new this(input.href, body ?? copyBytes(input.bytes))
      for (const [key, value] of pairsOf(params)) message.set(key, value)
      return message
    }
    if (input instanceof URL) {
      return new this(input.protocol === PROTOCOL ? input.href : `${PROTOCOL}//${input.href}`, body)
    }
    if (input !== null && typeof input === 'object') {
      const text = withParams(`${input.protocol ?? PROTOCOL}//${input.command}`, input.params)
      return new this(params ? withParams(text, params) : text, body)
    }
    const name = String(input)
    const text = name.startsWith('ipc://') ? name : `${PROTOCOL}//${name}`
    return new this(params ? withParams(text, params) : text, body)
  }

  /**
   * True for what looks like a message's URL: it may still be none.
   * @param {any} input
   */
  static isValidInput (input) {
    try {
      const text = String(input)
      return text.startsWith('ipc://') && text.length > 6
    } catch {
      return false
    }
  }

  /**
   * @param {string | URL} input
   * @param {Uint8Array | null} [bytes]
   */
  constructor (input, bytes = null) {
    super(input)
    if (this.protocol !== PROTOCOL) {
      throw new TypeError(`Invalid protocol in input. Expected '${PROTOCOL}' but got '${this.protocol}'`)
    }
    /** The bytes that go with the command. */
    this.bytes = bytes || null
    // Members of the object itself, so that a copy of it (`{ ...message }`) has them.
    Object.defineProperties(this, computed)
  }

  /** The command: the host of the URL, or else its path. */
  get name () { return this.hostname || this.host || this.pathname.replace(/^\/+/, '') }

  /** What `value` is the JSON of; `null` when it is absent or no JSON. */
  get json () { return parseJSON(this.searchParams.get('value')) }

  /** The parameters as texts; of a key that comes twice the last. */
  get rawParams () { return Object.fromEntries(this.searchParams) }

  /** Pairs of key and value, in order, with duplicates. */
  entries () { return [...this.searchParams].map(([key, text]) => [key, valueOf(text)]) }

  /** The first value of a parameter, parsed where it is JSON; `defaultValue` when it is absent. */
  get (key, defaultValue = undefined) {
    const text = this.searchParams.get(key)
    return text === null ? defaultValue : valueOf(text)
  }

  /** Sets a parameter, in the place of all values it has. Objects become JSON. */
  set (key, value) { this.searchParams.set(key, textOf(value)) }

  /** Removes a parameter; answers whether it was there. */
  delete (key) {
    const isThere = this.searchParams.has(key)
    this.searchParams.delete(key)
    return isThere
  }

  /** The keys, in order, with duplicates. */
  keys () { return [...this.searchParams.keys()] }

  /** The values, in order. */
  values () { return [...this.searchParams.values()].map(valueOf) }

  /** Whether a parameter is there. */
  has (key) { return this.searchParams.has(key) }
}

/** Makes an accessor that belongs to each message itself, and cannot be assigned. */
const computedBy = get => ({ enumerable: true, configurable: true, get })

const computed = {
  command: computedBy(function () { return this.name }),
  /** The sequence number, `null` when there is none. */
  seq: computedBy(function () { return this.get('seq', null) }),
  /** The index of the window a message belongs to, -1 when there is none. */
  index: computedBy(function () {
    const index = parseInt(this.get('index'))
    return Number.isFinite(index) ? index : -1
  }),
  /** The text of the parameter `id`, `null` when there is none. */
  id: computedBy(function () { return this.searchParams.get('id') }),
  /** The parameter `value`, parsed where it is JSON; `null` when there is none. */
  value: computedBy(function () { return this.get('value', null) }),
  /** The parameters by key; of a key that comes twice the last. */
  params: computedBy(function () { return Object.fromEntries(this.entries()) })
}

module.exports = { Message }

// SPDX-License-Identifier: Apache-2.0
'use strict'

const { PlatformHeaders } = require('./cookie-headers.js')
const { isPlainObject } = require('./kinds.js')

/**
 * The pairs of a header text, a line each. Names come in lower case, values as they are; what is no pair is dropped.
 * @param {string} text
 * @returns {Array<[string, string]>}
 */
function parseHeaders (text) {
  const pairs = []
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':')
    if (colon < 0) continue
    const name = line.slice(0, colon).trim().toLowerCase()
    const value = line.slice(colon + 1).trim()
    if (name && value) pairs.push([name, value])
  }
  return pairs
}

/** The pairs of whatever may hold headers. */
function pairsOf (input) {
  const source = input?.headers && typeof input.headers === 'object' ? input.headers : input
  if (Array.isArray(source)) {
    return Array.isArray(source[0]) ? source : parseHeaders(source.map(line => String(line).trim()).join('\n'))
  }
  if (typeof source?.entries === 'function') return source.entries()
  if (isPlainObject(source)) return Object.entries(source)
  if (typeof source?.getAllResponseHeaders === 'function') return parseHeaders(source.getAllResponseHeaders() ?? '')
  return parseHeaders(String(source))
}

/** The headers of a result. */
class Headers extends PlatformHeaders {
  /**
   * Headers from headers, pairs, a map, an object, a response, an XMLHttpRequest, a text or its lines.
   * @param {any} input
   * @returns {Headers}
   */
  static from (input) {
    const headers = new this()
    for (const [name, value] of pairsOf(input)) headers.append(name, value)
    return headers
  }

  /** How many there are; values of one name count once, each `set-cookie` by itself. */
  get length () { return [...this.keys()].length }

  /** The values by name. Of several `set-cookie` the last. */
  toJSON () { return Object.fromEntries(this) }
}

/**
 * What the addon takes: names and values in turn; `null` for none.
 * @param {any} input whatever `Headers.from` takes
 * @returns {string[] | null}
 */
function flatHeaders (input) {
  if (input === undefined || input === null) return null
  const flat = [...Headers.from(input)].flat()
  return flat.length ? flat : null
}

module.exports = { Headers, flatHeaders, parseHeaders }

// SPDX-License-Identifier: Apache-2.0
'use strict'
/**
 * Results kept for calls that ask for it: one for each command with its parameters, on one link. Errors are not kept. When
 * there are as many as there may be, the oldest goes.
 */

const { Headers } = require('./headers.js')
const { isPlainObject } = require('./kinds.js')
const { decodeValue } = require('./value-decoder.js')
const { encodeTree, encodeValue, encoded } = require('./value-encoder.js')

/** Most results that are kept for one link. */
const MOST = 1024

/** By link: results by key. What one host said is never the answer of another. */
const caches = new WeakMap()

/** The value with all members in one order. It is made of nothing but what comes out of a decoder. */
function sorted (value) {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isPlainObject(value)) return value
  return new Map(Object.keys(value).sort().map(key => [key, sorted(value[key])]))
}

/**
 * What a call with these parameters is kept under, and the parameters as they are sent: whatever code they have runs once. Throws
 * when they cannot be sent.
 */
function keyOf (command, value) {
  const size = encodeValue(value)
  const sent = decodeValue(encoded(), 0, size)
  const count = encodeTree(sorted(sent))
  return { key: `${command}\0${encoded().latin1Slice(0, count)}`, sent }
}

/** A value that came, in memory of its own. It is made of nothing but these. */
function copyOfValue (value) {
  if (value === null || typeof value !== 'object') return value
  if (Buffer.isBuffer(value)) return Buffer.from(value)
  if (Array.isArray(value)) return value.map(copyOfValue)
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, copyOfValue(member)]))
}

/** A result that nobody else has: whoever changes it changes only this one. */
function copyOf (result) {
  const { id, err, data, source, headers, constructor } = result
  return new constructor(id, err, copyOfValue(data), source, headers ? Headers.from(headers) : null)
}

/** The kept result, or `undefined`. */
function cached (link, key) {
  const kept = caches.get(link)?.get(key)
  return kept && copyOf(kept)
}

function keep (link, key, result) {
  if (result.err) return result
  if (!caches.has(link)) caches.set(link, new Map())
  const results = caches.get(link)
  if (!results.has(key) && results.size >= MOST) results.delete(results.keys().next().value)
  results.set(key, copyOf(result))
  return result
}

module.exports = { keyOf, cached, keep }

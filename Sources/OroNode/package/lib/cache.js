'use strict'
/** Results kept for calls that ask for it: one for each command with its parameters. Errors are not kept. */

const { encodeValue, encoded } = require('./value-encoder.js')
const { isPlainObject } = require('./kinds.js')

const results = new Map()

/** The value with all members in one order. */
function sorted (value) {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isPlainObject(value)) return value
  return Object.fromEntries(Object.keys(value).sort().map(key => [key, sorted(value[key])]))
}

/** What a call with these parameters is kept under. Throws when they cannot be sent. */
function keyOf (command, value) {
  const count = encodeValue(sorted(value))
  return `${command}\0${encoded().latin1Slice(0, count)}`
}

/** The kept result, or `undefined`. */
const cached = key => results.get(key)

function keep (key, result) {
  if (!result.err) results.set(key, result)
  return result
}

module.exports = { keyOf, cached, keep }

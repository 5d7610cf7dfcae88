// SPDX-License-Identifier: Apache-2.0
'use strict'
/** Kinds of values, as the functions of the module tell them apart. */

const { types } = require('node:util')

/** True for an object whose prototype is exactly `Object.prototype`. */
function isPlainObject (value) {
  return value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype
}

/** True for typed arrays, `Buffer` among them; not for a `DataView`. */
function isTypedArray (value) {
  return types.isTypedArray(value)
}

/** True for an `ArrayBuffer` and for typed arrays; not for a `DataView` or a `SharedArrayBuffer`. */
function isBufferLike (value) {
  return types.isTypedArray(value) || types.isArrayBuffer(value)
}

/** True for errors, those of other contexts of the engine as well; never throws, whatever a proxy does. */
function isError (value) {
  if (value === null || typeof value !== 'object') return false
  if (types.isNativeError(value)) return true
  try {
    return value instanceof Error
  } catch {
    return false
  }
}

/** What was thrown, as an error. It may be anything, and may refuse to become a text. */
function errorOf (thrown) {
  if (isError(thrown)) return thrown
  try {
    return new Error(String(thrown))
  } catch {
    return new Error('something was thrown that has no text')
  }
}

/** The object's own member, or `undefined`: never an inherited one. */
function own (object, key) {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

module.exports = { errorOf, isError, isPlainObject, isTypedArray, isBufferLike, own }

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

/** The object's own member, or `undefined`: never an inherited one. */
function own (object, key) {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

module.exports = { isPlainObject, isTypedArray, isBufferLike, own }

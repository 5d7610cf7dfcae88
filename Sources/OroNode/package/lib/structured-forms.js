// SPDX-License-Identifier: Apache-2.0
'use strict'
/** The forms of structured values: `docs/structured-values.md`. An array of one of these begins with its number. */

const { types } = require('node:util')

const forms = Object.freeze({
  ARRAY: 0,
  UNDEFINED: 1,
  AGAIN: 2,
  DATE: 3,
  MAP: 4,
  SET: 5,
  REGEXP: 6,
  ERROR: 7,
  BUFFER: 8,
  VIEW: 9,
  PORT: 10,
  DESCRIPTOR: 11,
  HOLE: 12,
  BOXED: 13
})

const NODE_BUFFER = 13

/** The kinds of views, by their numbers; `undefined` for what this version of Node does not have. */
const views = [
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array,
  BigInt64Array, BigUint64Array, DataView, globalThis.Float16Array, Buffer
]

const kinds = new Map(views.map((View, kind) => [View?.name, kind]))

/** What a view is, in whatever context of the engine it was made. */
const nameOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get

/** The number of a view's kind. */
function kindOf (view) {
  if (Buffer.isBuffer(view)) return NODE_BUFFER
  return types.isDataView(view) ? views.indexOf(DataView) : kinds.get(nameOf.call(view))
}

/** A view of this kind over `length` elements of a buffer; throws where there cannot be one. */
function viewOf (kind, buffer, offset, length) {
  if (kind === NODE_BUFFER) return Buffer.from(buffer, offset, length)
  return new views[kind](buffer, offset, length)
}

module.exports = { forms, kindOf, viewOf }

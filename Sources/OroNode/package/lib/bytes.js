// SPDX-License-Identifier: Apache-2.0
'use strict'
/** Bytes in the forms that callers have them in. */

const { types } = require('node:util')
const { partsOfView } = require('./intrinsics.js')

/**
 * What the addon makes of received bytes, as a number of its own: by default Buffers that may be written to, with `copy` such that the other
 * side cannot change either, with `readOnly` the other side's memory.
 */
function buffersOf ({ copy = false, readOnly = false }) {
  if (copy && readOnly) throw new TypeError('Buffers are copies (copy), or the other side\'s memory (readOnly), not both')
  return copy ? 1 : readOnly ? 2 : 0
}

/**
 * The bytes as a Buffer: the same memory for buffers and views, UTF-8 of a text, the elements of an array.
 * `null` for what has no bytes.
 * @param {any} body
 * @returns {Buffer | null}
 */
function viewBytes (body) {
  if (body === null || body === undefined) return null
  if (Buffer.isBuffer(body)) return body
  if (typeof body === 'string') return Buffer.from(body)
  if (ArrayBuffer.isView(body)) {
    const { buffer, offset, byteLength } = partsOfView(body)
    return Buffer.from(buffer, offset, byteLength)
  }
  if (types.isAnyArrayBuffer(body)) return Buffer.from(body)
  if (Array.isArray(body)) return Buffer.from(body)
  return null
}

/** Whether an array holds bytes, and nothing is missing. */
function isBytes (array) {
  const keys = Object.keys(array)
  return keys.length === array.length && keys.every(key => Number.isInteger(array[key]) && array[key] >= -128 && array[key] <= 255)
}

/**
 * The bytes of a call's body, in the same forms. Throws a TypeError for what is something else, so that nothing else is sent in its
 * place.
 * @param {any} body
 * @returns {Buffer | null}
 */
function bodyBytes (body) {
  if (Array.isArray(body) && !isBytes(body)) {
    throw new TypeError('a body that is an array holds bytes, whole numbers from -128 to 255; give one Buffer')
  }
  const bytes = viewBytes(body)
  if (bytes !== null || body === null || body === undefined) return bytes
  const kind = Object.prototype.toString.call(body).slice(8, -1)
  throw new TypeError(`a body is bytes (a Buffer, an ArrayBuffer, a view, an array of bytes) or a text, not ${typeof body === 'object' ? kind : typeof body}; read what it holds first`)
}

/**
 * The same, in memory of their own.
 * @param {any} body
 * @returns {Buffer | null}
 */
function copyBytes (body) {
  const bytes = viewBytes(body)
  return bytes === null ? null : Buffer.from(bytes)
}

module.exports = { bodyBytes, buffersOf, viewBytes, copyBytes }

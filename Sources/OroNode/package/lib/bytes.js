'use strict'
/** Bytes in the forms that callers have them in. */

const { types } = require('node:util')

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
  if (ArrayBuffer.isView(body)) return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (types.isAnyArrayBuffer(body)) return Buffer.from(body)
  if (Array.isArray(body)) return Buffer.from(body)
  return null
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

module.exports = { viewBytes, copyBytes }

// SPDX-License-Identifier: Apache-2.0
'use strict'
/** What a host answered, as the error and data of a result. */

const { maybeMakeError } = require('./make-error.js')

/**
 * The bytes in the form that was asked for; without a wish by what the host says they are.
 * @param {Buffer} bytes
 * @param {string} responseType '', 'text', 'json', 'arraybuffer'
 * @param {Array<[string, string]>} headers
 */
function formOf (bytes, responseType, headers) {
  if (responseType) return responseType
  const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? ''
  if (/^application\/(.+\+)?json\b/i.test(type)) return 'json'
  return /^text\//i.test(type) ? 'text' : 'arraybuffer'
}

/** A body of bytes as data. */
function dataOfBytes (bytes, form) {
  switch (form) {
    case 'arraybuffer': return bytes
    case 'text': return bytes.toString()
    case 'json': {
      const text = bytes.toString()
      try {
        return JSON.parse(text)
      } catch {
        return text
      }
    }
    default: return null
  }
}

/** A value as data: as it is, unless it was asked for in another form. */
function dataOfValue (value, responseType) {
  switch (responseType) {
    case 'text': return typeof value === 'string' ? value : JSON.stringify(value)
    case 'arraybuffer': return Buffer.isBuffer(value) ? value : Buffer.from(dataOfValue(value, 'text'))
    default: return value
  }
}

/**
 * The data of an answer. Value and bytes travel apart; where there are both, `responseType: 'arraybuffer'` asks for the
 * bytes, and everything else for the value.
 * @param {{ value: any, bytes: Buffer | null, headers: Array<[string, string]> }} reply
 * @param {string} responseType
 */
function dataOf ({ value, bytes, headers }, responseType) {
  const wantsBytes = bytes !== null && (value === undefined || responseType === 'arraybuffer')
  if (wantsBytes) return dataOfBytes(bytes, formOf(bytes, responseType, headers))
  if (value === undefined) return responseType === 'arraybuffer' ? Buffer.alloc(0) : null
  return dataOfValue(value, responseType)
}

/**
 * The error of an answer. One that says that the command is unknown names the URL that was asked for, as the caller
 * would have written it.
 * @param {any} payload
 * @param {string} command
 * @param {() => string} url
 */
function errorOf (payload, command, url) {
  if (payload?.type === 'NotFoundError' && typeof payload.url === 'string' && payload.url.startsWith(`ipc://${command}`)) {
    payload.url = url()
  }
  // A failure is an error, whatever the host said about it.
  return maybeMakeError(payload) ?? new Error('')
}

module.exports = { dataOf, errorOf }

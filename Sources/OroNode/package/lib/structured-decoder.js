// SPDX-License-Identifier: Apache-2.0
'use strict'
/**
 * Structured values that came. What a peer sent is a structured value, or an `EncodingError`: form by form it is what it must
 * be.
 */

const { types } = require('node:util')
const { EncodingError } = require('./errors.js')
const { forms, viewOf } = require('./structured-forms.js')
const { decodeValue } = require('./value-decoder.js')

const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError }

const refuse = what => { throw new EncodingError(`what came is no structured value: ${what}`) }

const isCount = value => Number.isSafeInteger(value) && value >= 0

/** Decodes one value. */
class Decoder {
  #buffers
  #ports
  /** What has begun, in that order. */
  #objects = []

  constructor (buffers, ports) {
    this.#buffers = buffers
    this.#ports = [...ports]
  }

  decode (value) {
    if (Array.isArray(value)) return this.#decodeForm(value)
    if (Buffer.isBuffer(value)) return refuse('bytes outside of a buffer')
    if (value === null || typeof value !== 'object') return value
    this.#objects.push(value)
    for (const [name, member] of Object.entries(value)) {
      // Not an assignment: `__proto__` is a name like others.
      Object.defineProperty(value, name, { value: this.decode(member), enumerable: true, configurable: true, writable: true })
    }
    return value
  }

  /** An object whose parts may refer to it. */
  #begin (object) {
    this.#objects.push(object)
    return object
  }

  #decodeForm (form) {
    const parts = form.slice(1)
    const has = (...counts) => counts.includes(parts.length) || refuse(`a form ${form[0]} of ${parts.length} parts`)
    switch (form[0]) {
      case forms.ARRAY: return this.#decodeArray(parts)
      case forms.UNDEFINED: return has(0) && undefined
      case forms.AGAIN: {
        if (!has(1) || !isCount(parts[0]) || parts[0] >= this.#objects.length) refuse('a reference to an object that has not begun')
        return this.#objects[parts[0]]
      }
      case forms.DATE: return has(1) && typeof parts[0] === 'number' ? this.#begin(new Date(parts[0])) : refuse('a date that is no number')
      case forms.MAP: {
        if (parts.length % 2) refuse('a map whose last key has no value')
        const map = this.#begin(new Map())
        for (let i = 0; i < parts.length; i += 2) map.set(this.decode(parts[i]), this.decode(parts[i + 1]))
        return map
      }
      case forms.SET: {
        const set = this.#begin(new Set())
        for (const part of parts) set.add(this.decode(part))
        return set
      }
      case forms.REGEXP: return has(2) && this.#begin(makeRegExp(parts))
      case forms.ERROR: return has(3, 4) && this.#decodeError(parts)
      case forms.BUFFER: return this.#begin(this.#decodeBuffer(parts))
      case forms.VIEW: return has(4) && this.#decodeView(parts)
      case forms.PORT: return has(1) && this.#begin(this.#takePort(parts[0]))
      case forms.BOXED: {
        if (!has(1) || parts[0] === null || typeof parts[0] === 'object') refuse('an object of something that is no primitive')
        return this.#begin(Object(parts[0]))
      }
      default: return refuse(`the form ${String(form[0])}`)
    }
  }

  #decodeArray (parts) {
    const array = this.#begin([])
    parts.forEach((part, index) => {
      if (Array.isArray(part) && part[0] === forms.HOLE && part.length === 1) array.length = index + 1
      else array[index] = this.decode(part)
    })
    return array
  }

  #decodeError ([name, message, stack, ...cause]) {
    if (typeof name !== 'string' || typeof message !== 'string' || (stack !== null && typeof stack !== 'string')) refuse('an error without name and message')
    const Class = Object.hasOwn(ERRORS, name) ? ERRORS[name] : Error
    const error = this.#begin(new Class(message))
    if (Class.name !== name) Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
    Object.defineProperty(error, 'stack', { value: stack ?? undefined, configurable: true, writable: true })
    if (cause.length) Object.defineProperty(error, 'cause', { value: this.decode(cause[0]), configurable: true, writable: true })
    return error
  }

  #decodeBuffer (parts) {
    if (parts.length === 1 && Buffer.isBuffer(parts[0])) return new Uint8Array(parts[0]).buffer
    const [index, count] = parts
    const buffer = isCount(index) ? this.#buffers[index] : undefined
    if (parts.length !== 2 || buffer?.byteLength !== count) refuse('a buffer that did not come, or of another length')
    return buffer
  }

  #decodeView ([kind, of, offset, length]) {
    // Counted before its buffer, and made after it.
    const place = this.#objects.push(null) - 1
    const buffer = this.decode(of)
    if (!types.isArrayBuffer(buffer)) refuse('a view of something that is no buffer')
    if (!isCount(kind) || !isCount(offset) || !isCount(length)) refuse('a view of impossible numbers')
    try {
      this.#objects[place] = viewOf(kind, buffer, offset, length)
    } catch {
      refuse('a view that its buffer has no room for, or of an unknown kind')
    }
    return this.#objects[place]
  }

  #takePort (index) {
    const port = isCount(index) ? this.#ports[index] : undefined
    if (!port) refuse('a port that did not come, or is named twice')
    this.#ports[index] = null
    return port
  }
}

function makeRegExp ([source, flags]) {
  if (typeof source !== 'string' || typeof flags !== 'string') refuse('a regular expression that is no text')
  try {
    return new RegExp(source, flags)
  } catch (error) {
    return refuse(error.message)
  }
}

/**
 * The structured value that `bytes` hold. Throws an `EncodingError`.
 * @param {Buffer} bytes
 * @param {ArrayBuffer[]} buffers those it names
 * @param {any[]} ports those it names
 */
function decodeStructured (bytes, buffers, ports) {
  return new Decoder(buffers, ports).decode(decodeValue(bytes))
}

module.exports = { decodeStructured }

// SPDX-License-Identifier: Apache-2.0
'use strict'
/** Structured values on their way out: everything the platform's structured clone knows, as a value in which arrays speak. */

const { types } = require('node:util')
const { forms, kindOf } = require('./structured-forms.js')
const { Double, encodeValue, encoded } = require('./value-encoder.js')

/** Shorter buffers stand in the value itself, unless there is just one. */
const SMALL = 1024
const MOST_BUFFERS = 64
/** Levels of nesting; the encoding has as many again for its forms, and then says itself that it is too deep. */
const MOST_DEPTH = 200
/** Holes that arrays of one message may have: each costs as much as an element. */
const MOST_HOLES = 1_000_000

const ERRORS = new Set(['Error', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError'])

const refuse = what => { throw new DOMException(what, 'DataCloneError') }

const HOLE = [forms.HOLE]

/** What the platform does not clone either, beside functions and symbols, as `Object.prototype.toString` calls it. */
const UNCLONABLE = new Set([
  'AsyncGenerator', 'FinalizationRegistry', 'Generator', 'Module', 'Promise', 'WeakMap', 'WeakRef', 'WeakSet'
].map(name => `[object ${name}]`))

/** Half of a surrogate pair has no form in UTF-8: it would come as another text. */
const isWhole = text => !/\p{Surrogate}/u.test(text)
const whole = text => text.replace(/\p{Surrogate}/gu, '\ufffd')

/** Whether the name of an array's own member is that of an element. */
const isIndex = name => String(name >>> 0) === name && name >>> 0 !== 0xffffffff

/** Encodes one value. */
class Encoder {
  /** By object: its number, in the order in which their encodings begin. */
  #numbers = new Map()
  #ports
  /** Forms of buffers, to be completed when it is known how many there are. */
  #bufferForms = []
  #depth = 0
  #holes = 0

  /** @param {Map<object, number>} ports those in the transfer list, by their place among them */
  constructor (ports) { this.#ports = ports }

  encode (value) {
    switch (typeof value) {
      case 'undefined': return [forms.UNDEFINED]
      case 'function': return refuse('a function cannot be posted')
      case 'symbol': return refuse('a symbol cannot be posted')
      case 'object': return value === null ? null : this.#descend(value)
      case 'string': return isWhole(value) ? value : refuse('a text with half of a surrogate pair cannot be posted')
      default: return value
    }
  }

  #descend (value) {
    if (++this.#depth > MOST_DEPTH) refuse('the message is nested too deep')
    try {
      return this.#encodeObject(value)
    } finally {
      this.#depth -= 1
    }
  }

  #encodeObject (value) {
    const number = this.#numbers.get(value)
    if (number !== undefined) return [forms.AGAIN, number]
    this.#numbers.set(value, this.#numbers.size)
    if (Array.isArray(value)) return this.#encodeArray(value)
    if (ArrayBuffer.isView(value)) return this.#encodeView(value)
    if (types.isArrayBuffer(value)) return this.#encodeBuffer(value)
    if (types.isSharedArrayBuffer(value)) return refuse('memory that is shared between threads cannot be posted to another process')
    if (types.isDate(value)) return [forms.DATE, new Double(value.getTime())]
    if (types.isRegExp(value)) return [forms.REGEXP, value.source, value.flags]
    if (types.isMap(value)) {
      return [forms.MAP, ...[...value].flatMap(([key, member]) => [this.encode(key), this.encode(member)])]
    }
    if (types.isSet(value)) return [forms.SET, ...[...value].map(element => this.encode(element))]
    if (types.isNativeError(value)) return this.#encodeError(value)
    if (types.isBoxedPrimitive(value)) {
      const primitive = value.valueOf()
      return typeof primitive === 'symbol' ? refuse('a symbol cannot be posted') : [forms.BOXED, primitive]
    }
    if (value instanceof MessagePort) {
      const index = this.#ports.get(value)
      return index === undefined ? refuse('a port is in the message, and not in its transfer list') : [forms.PORT, index]
    }
    if (types.isProxy(value)) return refuse('a Proxy cannot be posted')
    const isUnclonable = types.isPromise(value) || types.isWeakMap(value) || types.isWeakSet(value) || types.isGeneratorObject(value)
    const kind = Object.prototype.toString.call(value)
    if (isUnclonable || UNCLONABLE.has(kind)) return refuse(`${kind} cannot be posted`)
    // A Map is an object to the encoder of values, with any names and in this order.
    const members = new Map()
    for (const name of Object.keys(value)) {
      if (!isWhole(name)) refuse('a member whose name has half of a surrogate pair cannot be posted')
      // A getter may have removed it.
      if (Object.hasOwn(value, name)) members.set(name, this.encode(value[name]))
    }
    return members
  }

  #encodeArray (array) {
    const keys = Object.keys(array)
    const { length } = array
    // Names come after all indices.
    if (keys.length > 0 && !isIndex(keys.at(-1))) refuse('an array with members that are no elements cannot be posted')
    this.#holes += length - keys.length
    if (this.#holes > MOST_HOLES) refuse(`more than ${MOST_HOLES} holes in arrays`)
    const elements = [forms.ARRAY]
    for (let i = 0; i < length; i++) elements.push(Object.hasOwn(array, i) ? this.encode(array[i]) : HOLE)
    return elements
  }

  #encodeView (view) {
    const kind = kindOf(view)
    const length = types.isDataView(view) ? view.byteLength : view.length
    // Node keeps short Buffers in one common buffer, which is nobody's business; such a view comes over bytes of its own.
    if (Buffer.isBuffer(view) && view.byteLength * 2 < view.buffer.byteLength) {
      const own = new Uint8Array(view).buffer
      return [forms.VIEW, kind, this.#encodeObject(own), 0, length]
    }
    return [forms.VIEW, kind, this.#encodeObject(view.buffer), view.byteOffset, length]
  }

  #encodeBuffer (buffer) {
    const form = [forms.BUFFER]
    this.#bufferForms.push({ form, buffer })
    return form
  }

  #encodeError (error) {
    const name = ERRORS.has(error.name) ? error.name : 'Error'
    const stack = typeof error.stack === 'string' ? whole(error.stack) : null
    const form = [forms.ERROR, name, whole(String(error.message)), stack]
    if (Object.hasOwn(error, 'cause')) form.push(this.encode(error.cause))
    return form
  }

  /** The buffers that go beside the value, in the order of their numbers. */
  finish () {
    const most = this.#bufferForms.length > 1 ? SMALL : 0
    const beside = []
    for (const { form, buffer } of this.#bufferForms) {
      if (buffer.byteLength <= most) {
        form.push(new Uint8Array(buffer))
      } else {
        form.push(beside.length, buffer.byteLength)
        beside.push(buffer)
      }
    }
    if (beside.length > MOST_BUFFERS) refuse(`${beside.length} buffers of more than ${SMALL} bytes in one message; at most ${MOST_BUFFERS}`)
    return beside
  }
}

/**
 * Writes a structured value to the memory of encoded values.
 * @param {any} value
 * @param {Map<object, number>} ports those in the transfer list, by their place among them
 * @returns {{ size: number, buffers: ArrayBuffer[] }} how many bytes it has, and the buffers beside it
 */
function encodeStructured (value, ports) {
  const encoder = new Encoder(ports)
  // What code of the message throws, its getters for instance, is thrown as it is.
  const tree = encoder.encode(value)
  const buffers = encoder.finish()
  try {
    return { size: encodeValue(tree), buffers }
  } catch (error) {
    return refuse(error.message)
  }
}

/**
 * A message as it is now, whatever becomes of it later.
 * @param {any} value
 * @returns {{ bytes: Buffer, size: number, buffers: ArrayBuffer[] }}
 */
function snapshotOf (value) {
  const { size, buffers } = encodeStructured(value, new Map())
  return { bytes: Buffer.from(encoded().subarray(0, size)), size, buffers: buffers.map(buffer => buffer.slice(0)) }
}

module.exports = { encodeStructured, snapshotOf }

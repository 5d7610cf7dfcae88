'use strict'
/** Structured values on their way out: everything the platform's structured clone knows, as a value in which arrays speak. */

const { types } = require('node:util')
const { forms, kindOf } = require('./structured-forms.js')
const { Double, encodeValue, encoded } = require('./value-encoder.js')

/** Shorter buffers stand in the value itself, unless there is just one. */
const SMALL = 1024
const MOST_BUFFERS = 64

const ERRORS = new Set(['Error', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError'])

const refuse = what => { throw new DOMException(what, 'DataCloneError') }

/** Encodes one value. */
class Encoder {
  /** By object: its number, in the order in which their encodings begin. */
  #numbers = new Map()
  #ports
  /** Forms of buffers, to be completed when it is known how many there are. */
  #bufferForms = []

  /** @param {Map<object, number>} ports those in the transfer list, by their place among them */
  constructor (ports) { this.#ports = ports }

  encode (value) {
    switch (typeof value) {
      case 'undefined': return [forms.UNDEFINED]
      case 'function': return refuse('a function cannot be posted')
      case 'symbol': return refuse('a symbol cannot be posted')
      case 'object': return value === null ? null : this.#encodeObject(value)
      default: return value
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
    if (types.isPromise(value) || types.isWeakMap(value) || types.isWeakSet(value) || types.isProxy(value)) {
      return refuse(`${Object.prototype.toString.call(value)} cannot be posted`)
    }
    // A Map is an object to the encoder of values, with any names and in this order.
    const members = new Map()
    for (const [name, member] of Object.entries(value)) members.set(name, this.encode(member))
    return members
  }

  #encodeArray (array) {
    const elements = [forms.ARRAY]
    for (let i = 0; i < array.length; i++) elements.push(i in array ? this.encode(array[i]) : [forms.HOLE])
    return elements
  }

  #encodeView (view) {
    const kind = kindOf(view)
    const length = view instanceof DataView ? view.byteLength : view.length
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
    const form = [forms.ERROR, name, String(error.message), typeof error.stack === 'string' ? error.stack : null]
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
  let tree
  try {
    tree = encoder.encode(value)
  } catch (error) {
    throw error instanceof RangeError ? new DOMException('the message is nested too deep', 'DataCloneError') : error
  }
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

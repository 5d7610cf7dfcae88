// SPDX-License-Identifier: Apache-2.0
'use strict'
/** Structured values on their way out: everything the platform's structured clone knows, as a value in which arrays speak. */

const { types } = require('node:util')
const { bufferOf, isDetached, isResizable, partsOfView } = require('./intrinsics.js')
const { opaqueName } = require('./opaque.js')
const { forms, kindOf } = require('./structured-forms.js')
const { Double, encodeTree, encoded, primitiveOf } = require('./value-encoder.js')

/** Shorter buffers stand in the value itself, unless there is just one. */
const SMALL = 1024
const MOST_BUFFERS = 64
/** Levels of nesting; the encoding has as many again for its forms, and then says itself that it is too deep. */
const MOST_DEPTH = 200
/** Holes that arrays of one message may have, and elements of one array: the encoding refuses more, and they are not walked before. */
const MOST_HOLES = 500_000
const MOST_ELEMENTS = 1 << 20

const ERRORS = new Set(['Error', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError'])

const refuse = what => { throw new DOMException(what, 'DataCloneError') }

const HOLE = [forms.HOLE]

/** Half of a surrogate pair has no form in UTF-8: it would come as another text. */
const isWhole = typeof ''.isWellFormed === 'function' ? text => text.isWellFormed() : text => !/\p{Surrogate}/u.test(text)
const whole = text => text.replace(/\p{Surrogate}/gu, '\ufffd')

/** Whether the name of an array's own member is that of an element. */
const isIndex = name => String(name >>> 0) === name && name >>> 0 !== 0xffffffff

const mapEntries = Map.prototype.entries
const setValues = Set.prototype.values

function checkBuffer (buffer) {
  if (isResizable(buffer)) refuse('a buffer that can be resized cannot be posted to another process; new Uint8Array(buffer).slice() is a copy that can')
  if (isDetached(buffer)) refuse('a buffer that was transferred, and is empty now, cannot be posted')
}

/** What a member is that an object has itself, and that is no getter; else an empty text. */
function ownValue (object, name) {
  const member = Object.getOwnPropertyDescriptor(object, name)
  return member && Object.hasOwn(member, 'value') ? member.value : ''
}

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
    // Of a proxy nothing can be asked without the program's own code, as of an object of arguments, which the platform refuses, too.
    if (types.isProxy(value)) return refuse('a Proxy cannot be posted')
    if (types.isArgumentsObject(value)) return refuse('the arguments of a function cannot be posted; Array.from(arguments) can')
    if (Array.isArray(value)) return this.#encodeArray(value)
    if (ArrayBuffer.isView(value)) return this.#encodeView(value)
    if (types.isArrayBuffer(value)) return this.#encodeBuffer(value)
    if (types.isSharedArrayBuffer(value)) return refuse('memory that is shared between threads cannot be posted to another process')
    // The platform's own methods: those of a subclass may say something else, and may be a program's code.
    if (types.isDate(value)) return [forms.DATE, new Double(Date.prototype.getTime.call(value))]
    if (types.isRegExp(value)) return this.#encodeRegExp(value)
    if (types.isMap(value)) return [forms.MAP, ...this.#encodeAll([...mapEntries.call(value)].flat())]
    if (types.isSet(value)) return [forms.SET, ...this.#encodeAll([...setValues.call(value)])]
    if (types.isNativeError(value)) return this.#encodeError(value)
    if (types.isBoxedPrimitive(value)) {
      const primitive = primitiveOf(value)
      return typeof primitive === 'symbol' ? refuse('a symbol cannot be posted') : [forms.BOXED, this.encode(primitive)]
    }
    if (value instanceof MessagePort) {
      const index = this.#ports.get(value)
      return index === undefined ? refuse('a port is in the message, and not in its transfer list') : [forms.PORT, index]
    }
    if (value instanceof DOMException) return this.#encodeError(value)
    const name = types.isExternal(value) ? 'external value' : opaqueName(value)
    if (name !== null) return refuse(`what a ${name} holds cannot be posted to another process`)
    // A Map is an object to the encoder of values, with any names and in this order.
    const members = new Map()
    for (const name of Object.keys(value)) {
      if (!isWhole(name)) refuse('a member whose name has half of a surrogate pair cannot be posted')
      // A getter may have removed it.
      if (Object.hasOwn(value, name)) members.set(name, this.encode(value[name]))
    }
    return members
  }

  #encodeAll (values) { return values.map(value => this.encode(value)) }

  #encodeRegExp (value) {
    // A copy has no members of a program's own.
    const { source, flags } = new RegExp(value)
    return [forms.REGEXP, this.encode(source), flags]
  }

  #encodeArray (array) {
    const { length } = array
    const keys = Object.keys(array)
    if (keys.length > MOST_ELEMENTS) refuse(`an array of more than ${MOST_ELEMENTS} elements`)
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
    checkBuffer(bufferOf(view))
    const { buffer, offset, byteLength, length } = partsOfView(view)
    // Node keeps short Buffers in one common buffer, which is nobody's business; such a view comes over bytes of its own.
    if (Buffer.isBuffer(view) && byteLength * 2 < buffer.byteLength && types.isArrayBuffer(buffer)) {
      const own = new Uint8Array(view).buffer
      return [forms.VIEW, kind, this.#encodeObject(own), 0, length]
    }
    return [forms.VIEW, kind, this.#encodeObject(buffer), offset, length]
  }

  #encodeBuffer (buffer) {
    checkBuffer(buffer)
    const form = [forms.BUFFER]
    this.#bufferForms.push({ form, buffer })
    return form
  }

  #encodeError (error) {
    // A DOMException comes as an error of its name.
    const isException = error instanceof DOMException
    const given = String(error.name)
    const name = ERRORS.has(given) || isException ? given : 'Error'
    // As the platform does: a message that its class makes by a getter is not its own.
    const message = isException ? error.message : ownValue(error, 'message')
    const { stack } = error
    const form = [forms.ERROR, whole(name), whole(String(message)), typeof stack === 'string' ? whole(stack) : null]
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
    return { size: encodeTree(tree), buffers }
  } catch (error) {
    return refuse(error.message)
  }
}

/** A copy in this realm's own kind of buffer. */
const copyOf = buffer => new Uint8Array(new Uint8Array(buffer)).buffer

/**
 * A message as it is now, whatever becomes of it later.
 * @param {any} value
 * @returns {{ bytes: Buffer, size: number, buffers: ArrayBuffer[] }}
 */
function snapshotOf (value) {
  const { size, buffers } = encodeStructured(value, new Map())
  return { bytes: Buffer.from(encoded().subarray(0, size)), size, buffers: buffers.map(copyOf) }
}

module.exports = { copyOf, encodeStructured, snapshotOf }

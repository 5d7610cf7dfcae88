// SPDX-License-Identifier: Apache-2.0
'use strict'
/**
 * JavaScript values as the bytes that travel: `docs/wire-format.md`, "Value".
 *
 * A realm has one piece of memory that each value is written into, from its start; the caller takes the bytes from there
 * before the next value is encoded. A program's own code may run while a value is written (`toJSON`, getters, proxies) and
 * encode another: that one gets memory of its own.
 */

const { types } = require('node:util')
const { bytesOfView } = require('./intrinsics.js')
const { isError } = require('./kinds.js')
const { isKnownType } = require('./make-error.js')
const { opaqueName } = require('./opaque.js')

const DEPTH = 64
const BIGINT_BYTES = 16 * 1024
// Longer texts are written by the engine in one go; shorter ones are cheaper here.
const SHORT = 24
// Elements and members of one value, at all depths.
const MOST_ITEMS = 1 << 20

let memory = Buffer.allocUnsafeSlow(64 * 1024)
let doubles = new DataView(memory.buffer)
let end = 0
let isEncoding = false
/** Where the value encoded last lies. */
let finished = memory
/** Errors that are being written: one that is inside itself is left out there. */
let openErrors = []
/** Elements and members so far. */
let items = 0
/** Whether values are asked what they are by `toJSON`. */
let asks = true

/** The memory that holds the value encoded last. */
const encoded = () => finished

/** Makes room for `count` bytes more. */
function reserve (count) {
  if (end + count <= memory.length) return
  const larger = Buffer.allocUnsafeSlow(Math.max(memory.length * 2, end + count))
  memory.copy(larger, 0, 0, end)
  memory = larger
  doubles = new DataView(memory.buffer)
}

/** A tag with a length behind it, as wide as it needs to be. */
function putLength (tag, length) {
  reserve(5)
  if (length < 0x100) {
    memory[end++] = tag
    memory[end++] = length
  } else if (length < 0x10000) {
    memory[end++] = tag + 1
    end = memory.writeUInt16LE(length, end)
  } else {
    memory[end++] = tag + 2
    end = memory.writeUInt32LE(length, end)
  }
}

function putInteger (value) {
  reserve(9)
  if (value >= 0 && value < 0x80) {
    memory[end++] = value
  } else if (value < 0 && value >= -32) {
    memory[end++] = value + 0xc0
  } else if (value >= -0x80 && value < 0x80) {
    memory[end++] = 0xc4
    memory[end++] = value
  } else if (value >= -0x8000 && value < 0x8000) {
    memory[end++] = 0xc5
    end = memory.writeInt16LE(value, end)
  } else if (value >= -0x80000000 && value < 0x80000000) {
    memory[end++] = 0xc6
    end = memory.writeInt32LE(value, end)
  } else {
    memory[end++] = 0xc7
    const high = Math.floor(value / 0x100000000)
    memory.writeInt32LE(high, end + 4)
    memory.writeUInt32LE(value - high * 0x100000000, end)
    end += 8
  }
}

function putNumber (value) {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return putInteger(value)
  putDouble(value)
}

function putDouble (value) {
  reserve(9)
  memory[end] = 0xc3
  // All NaN are one on the wire.
  if (Number.isNaN(value)) doubles.setBigUint64(end + 1, 0x7ff8000000000000n, true)
  else doubles.setFloat64(end + 1, value, true)
  end += 9
}

function putBigInt (value) {
  const isNegative = value < 0n
  const digits = (isNegative ? -value : value).toString(16)
  const magnitude = value === 0n ? Buffer.alloc(0) : Buffer.from(digits.length % 2 ? `0${digits}` : digits, 'hex').reverse()
  if (magnitude.length > BIGINT_BYTES) throw new TypeError(`a bigint of ${magnitude.length} bytes is longer than ${BIGINT_BYTES}`)
  putLength(isNegative ? 0xcc : 0xc8, magnitude.length)
  putRaw(magnitude)
}

function putRaw (bytes) {
  reserve(bytes.length)
  memory.set(bytes, end)
  end += bytes.length
}

function putText (text) {
  const { length } = text
  reserve(length * 3 + 5)
  if (length < SHORT) {
    const start = end
    memory[end++] = 0x80 + length
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) { end = start; return putLongText(text) }
      memory[end++] = unit
    }
    return
  }
  putLongText(text)
}

const LONE = /\p{Surrogate}/u

/** A member's name: two that differ in half a surrogate pair, which becomes U+FFFD, would be one. */
function putKey (key) {
  if (LONE.test(key)) throw new TypeError('a name with half of a surrogate pair cannot be sent')
  putText(key)
}

function putLongText (text) {
  const count = Buffer.byteLength(text)
  if (count < 32) memory[end++] = 0x80 + count
  else putLength(0xd0, count)
  end += memory.utf8Write(text, end)
}

/** What `put` writes, behind its length and `count()`, which are known only afterwards. */
function putContainer (tag, put) {
  reserve(3)
  const start = end
  end += 3
  const count = put()
  checkItems(count)
  items += count
  const length = end - start - 3
  const width = length < 0x100 ? 0 : length < 0x10000 ? 1 : 2
  if (width > 0) {
    // The room kept for two lengths of one byte is too small: what was written moves up.
    const more = (2 << width) - 2
    reserve(more)
    memory.copyWithin(start + 3 + more, start + 3, end)
    end += more
  }
  memory[start] = tag + width
  memory.writeUIntLE(length, start + 1, 1 << width)
  memory.writeUIntLE(count, start + 1 + (1 << width), 1 << width)
}

function checkItems (count) {
  if (items + count > MOST_ITEMS) throw new TypeError(`the value has more than ${MOST_ITEMS} elements and members`)
}

/** How many elements an array has; of a proxy a program says so. */
function lengthOf (array) {
  const length = Number(array.length)
  if (!(length >= 0)) throw new TypeError('an array has an impossible length')
  // Also holes are elements: they are not walked before it is known that they fit.
  checkItems(length)
  return Math.floor(length)
}

function putArray (array, depth) {
  putContainer(0xd8, () => {
    // Neither an iterator of the program's nor a change meanwhile makes the count a wrong one.
    const length = lengthOf(array)
    for (let index = 0; index < length; index++) {
      const element = said(array[index], index)
      put(isUnsayable(element) ? null : element, depth)
    }
    return length
  })
}

function putMembers (pairs, depth) {
  putContainer(0xdc, () => {
    let count = 0
    for (const [key, value] of pairs) {
      const member = said(value, key)
      if (isUnsayable(member)) continue
      putKey(key)
      put(member, depth)
      count += 1
    }
    return count
  })
}

/** What a value says of itself by `toJSON`, asked once, as JSON does; bytes are bytes, whatever they say. */
function said (value, key) {
  if (!asks || value === null || typeof value !== 'object') return value
  const { toJSON } = value
  if (typeof toJSON !== 'function' || ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return value
  return toJSON.call(value, String(key))
}

/** A number that is written as a double, also when it is whole. */
class Double {
  constructor (value) { this.value = value }
}

// As in JSON: left out of objects, `null` in arrays.
const isUnsayable = value => value === undefined || typeof value === 'function' || typeof value === 'symbol'

/** What `read` reads, or `undefined` where that throws. */
function attempt (read) {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** An error as the other side makes one of it again: by its class where that is known there, else with its name. */
function errorMembers (error) {
  const [name, message, code] = ['name', 'message', 'code'].map(key => attempt(() => error[key]))
  const members = new Map()
  if (typeof name === 'string' && isKnownType(name)) members.set('type', name)
  else if (name !== 'Error' && typeof name === 'string') members.set('name', name)
  members.set('message', message ?? '')
  if (code) members.set('code', code)
  for (const key of attempt(() => Object.keys(error)) ?? []) {
    const member = attempt(() => error[key])
    if (member !== undefined) members.set(key, member)
  }
  return members
}

/** An error with what of it can travel: its members are whatever a program has put there. */
function putError (error, depth) {
  if (openErrors.includes(error)) throw new TypeError('an error refers to itself')
  openErrors.push(error)
  try {
    putContainer(0xdc, () => {
      let count = 0
      for (const [key, value] of errorMembers(error)) {
        const start = end
        try {
          const member = said(value, key)
          if (isUnsayable(member)) continue
          putKey(key)
          put(member, depth)
          count += 1
        } catch {
          end = start
        }
      }
      return count
    })
  } finally {
    openErrors.pop()
  }
}

const primitiveOf = value =>
  types.isNumberObject(value) ? Number.prototype.valueOf.call(value)
    : types.isStringObject(value) ? String.prototype.valueOf.call(value)
      : types.isBooleanObject(value) ? Boolean.prototype.valueOf.call(value)
        : types.isBigIntObject(value) ? BigInt.prototype.valueOf.call(value)
          : Symbol.prototype.valueOf.call(value)

function putBytes (bytes) {
  putLength(0xd4, bytes.length)
  putRaw(bytes)
}

function putObject (value, depth) {
  if (depth > DEPTH) throw new TypeError(`the value is nested deeper than ${DEPTH}, or refers to itself`)
  // Most are one of these two, and need not be asked what else they could be.
  const prototype = Object.getPrototypeOf(value)
  if (prototype === Object.prototype) return putPlain(value, depth + 1)
  if (prototype === Array.prototype && Array.isArray(value)) return putArray(value, depth + 1)
  if (ArrayBuffer.isView(value)) return putBytes(bytesOfView(value))
  if (types.isAnyArrayBuffer(value)) return putBytes(new Uint8Array(value))
  if (Array.isArray(value)) return putArray(value, depth + 1)
  if (value instanceof Double) return putDouble(value.value)
  if (isError(value)) return putError(value, depth + 1)
  if (types.isMap(value)) return putMembers(new Map([...mapEntries.call(value)].map(([key, member]) => [String(key), member])), depth + 1)
  if (types.isSet(value)) return putArray([...setValues.call(value)], depth + 1)
  if (types.isBoxedPrimitive(value)) return put(primitiveOf(value), depth + 1)
  if (value instanceof URLSearchParams) return putText(String(value))
  if (prototype !== null) checkOpen(value)
  putPlain(value, depth + 1)
}

/** An object of nothing but its members, each read when its turn comes. */
function putPlain (value, depth) {
  const keys = Object.keys(value)
  if (keys.length === 0) checkOpen(value)
  putContainer(0xdc, () => {
    let count = 0
    for (const key of keys) {
      const member = said(value[key], key)
      if (isUnsayable(member)) continue
      putKey(key)
      put(member, depth)
      count += 1
    }
    return count
  })
}

const mapEntries = Map.prototype.entries
const setValues = Set.prototype.values

/** An object of no members, or of a class, which may have more in it than members. */
function checkOpen (value) {
  const isOpaque = types.isDate(value) || types.isRegExp(value) || types.isExternal(value) || value instanceof MessagePort
  const name = isOpaque ? Object.prototype.toString.call(value).slice(8, -1) : opaqueName(value)
  if (name !== null) throw new TypeError(`what a ${name} holds cannot be sent`)
}

function put (value, depth) {
  switch (typeof value) {
    case 'string': return putText(value)
    case 'number': return putNumber(value)
    case 'boolean':
      reserve(1)
      memory[end++] = value ? 0xc2 : 0xc1
      return
    case 'bigint': return putBigInt(value)
    case 'object':
      if (value !== null) return putObject(value, depth)
      reserve(1)
      memory[end++] = 0xc0
      return
    default:
      throw new TypeError(`a ${typeof value} cannot be sent`)
  }
}

/** Writes a value, which is asked first what it is. */
function putTop (value) {
  const top = said(value, '')
  if (top !== undefined) put(top, 0)
  finished = memory
  return end
}

/**
 * Writes a value to the start of the memory. Members and elements that are functions or symbols are left out as in JSON.
 * @param {any} value
 * @returns {number} how many bytes it has; 0 for `undefined`, which is no value
 */
function encodeValue (value) {
  if (value === undefined) return 0
  if (isEncoding) return encodeInside(value)
  isEncoding = true
  end = 0
  items = 0
  try {
    return putTop(value)
  } finally {
    isEncoding = false
    if (openErrors.length > 0) openErrors = []
  }
}

/** The same while another value is being written, which then goes on in its own memory. */
function encodeInside (value) {
  const outer = [memory, doubles, end, openErrors, items]
  memory = Buffer.allocUnsafeSlow(1024)
  doubles = new DataView(memory.buffer)
  end = 0
  openErrors = []
  items = 0
  try {
    return putTop(value)
  } finally {
    [memory, doubles, end, openErrors, items] = outer
  }
}

/** Writes a value that is made of nothing but what the encoder knows: no code of a program's runs meanwhile. */
function encodeTree (value) {
  const before = asks
  asks = false
  try {
    return encodeValue(value)
  } finally {
    asks = before
  }
}

module.exports = { Double, encodeTree, encodeValue, encoded, primitiveOf }

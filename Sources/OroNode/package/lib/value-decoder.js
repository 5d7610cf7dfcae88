// SPDX-License-Identifier: Apache-2.0
'use strict'
/**
 * JavaScript values from the bytes that travelled: `docs/wire-format.md`, "Value".
 *
 * The bytes are a peer's. Any bytes give a value or an `EncodingError`; only the one encoding of a value is accepted.
 */

const { isUtf8 } = require('node:buffer')
const { EncodingError } = require('./errors.js')

const DEPTH = 64
const SHORT = 24
/** Elements and members of one value, and bytes of a bigint: what whoever sends may use. */
const MOST_ITEMS = 1 << 20
const BIGINT_BYTES = 16 * 1024

let memory = null
let position = 0
let limit = 0
let items = 0

const refuse = what => { throw new EncodingError(`what the host sent is no value: ${what} at byte ${position}`) }

function need (count) {
  if (limit - position < count) refuse(`${count} bytes are missing`)
}

function takeByte () {
  need(1)
  return memory[position++]
}

/** A length or count of 1, 2 or 4 bytes. */
function takeNumber (width) {
  need(width)
  const number = width === 1 ? memory[position] : width === 2 ? memory.readUInt16LE(position) : memory.readUInt32LE(position)
  position += width
  return number
}

/** A length that could not have been written with fewer bytes. */
function takeLength (width, least = 0) {
  const length = takeNumber(width)
  if (length < (width === 1 ? least : width === 2 ? 0x100 : 0x10000)) refuse('a length longer than needed')
  return length
}

function takeText (count) {
  need(count)
  const start = position
  position += count
  if (count < SHORT) {
    let text = ''
    let i = start
    while (i < position && memory[i] < 0x80) text += String.fromCharCode(memory[i++])
    if (i === position) return text
  }
  if (!isUtf8(memory.subarray(start, position))) refuse('a text that is not UTF-8')
  return memory.utf8Slice(start, position)
}

function takeDouble () {
  need(8)
  const value = memory.readDoubleLE(position)
  if (Number.isNaN(value) && memory.readBigUInt64LE(position) !== 0x7ff8000000000000n) refuse('a NaN of another kind')
  position += 8
  return value
}

/** An integer of 1, 2, 4 or 8 bytes; beyond what a number holds exactly, a bigint. */
function takeInteger (width) {
  need(width)
  let value
  let isLongest
  switch (width) {
    case 1:
      value = memory.readInt8(position)
      isLongest = value >= -32 && value < 0x80
      break
    case 2:
      value = memory.readInt16LE(position)
      isLongest = value >= -0x80 && value < 0x80
      break
    case 4:
      value = memory.readInt32LE(position)
      isLongest = value >= -0x8000 && value < 0x8000
      break
    default:
      value = memory.readInt32LE(position + 4) * 0x100000000 + memory.readUInt32LE(position)
      isLongest = value >= -0x80000000 && value < 0x80000000
      if (!Number.isSafeInteger(value)) value = memory.readBigInt64LE(position)
  }
  if (isLongest) refuse('an integer longer than needed')
  position += width
  return value
}

function takeBigInt (width, isNegative) {
  const count = takeLength(width)
  need(count)
  if (count > BIGINT_BYTES) refuse(`a bigint of more than ${BIGINT_BYTES} bytes`)
  if (count === 0) {
    if (isNegative) refuse('a negative zero')
    return 0n
  }
  if (memory[position + count - 1] === 0) refuse('a bigint longer than needed')
  const magnitude = Buffer.from(memory.subarray(position, position + count)).reverse()
  position += count
  const value = BigInt(`0x${magnitude.toString('hex')}`)
  return isNegative ? -value : value
}

function takeBytes (width) {
  const count = takeLength(width)
  need(count)
  // A copy: the memory is used again for the next message.
  const bytes = Buffer.from(memory.subarray(position, position + count))
  position += count
  return bytes
}

/** Runs `take` for each of the elements of a container, which must fill it exactly. */
function takeElements (width, depth, take) {
  if (depth > DEPTH) refuse(`nesting deeper than ${DEPTH}`)
  const length = takeLength(width)
  const count = takeNumber(width)
  need(length)
  items += count
  if (items > MOST_ITEMS) refuse(`more than ${MOST_ITEMS} elements and members`)
  const outer = limit
  limit = position + length
  for (let i = 0; i < count; i++) take()
  if (position !== limit) refuse('more bytes than elements')
  limit = outer
}

function takeArray (width, depth) {
  const array = []
  takeElements(width, depth, () => { array.push(take(depth)) })
  return array
}

function takeKey () {
  const tag = takeByte()
  if (tag >= 0x80 && tag < 0xa0) return takeText(tag - 0x80)
  if (tag >= 0xd0 && tag < 0xd3) return takeText(takeLength(1 << (tag & 3), 32))
  return refuse('a member whose name is no text')
}

function takeObject (width, depth) {
  const object = {}
  takeElements(width, depth, () => {
    const key = takeKey()
    if (Object.hasOwn(object, key)) refuse('a member that occurred before')
    const value = take(depth)
    // `__proto__` is a name like others, and must not reach the setter.
    if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
    else object[key] = value
  })
  return object
}

function take (depth) {
  const tag = takeByte()
  if (tag < 0x80) return tag
  if (tag < 0xa0) return takeText(tag - 0x80)
  if (tag < 0xc0) return tag - 0xc0
  const width = 1 << (tag & 3)
  switch (tag) {
    case 0xc0: return null
    case 0xc1: return false
    case 0xc2: return true
    case 0xc3: return takeDouble()
  }
  if (tag < 0xc8) return takeInteger(width)
  if (width === 8) return refuse(`the unknown tag ${tag}`)
  switch (tag & 0xfc) {
    case 0xc8: return takeBigInt(width, false)
    case 0xcc: return takeBigInt(width, true)
    case 0xd0: return takeText(takeLength(width, 32))
    case 0xd4: return takeBytes(width)
    case 0xd8: return takeArray(width, depth + 1)
    case 0xdc: return takeObject(width, depth + 1)
    default: return refuse(`the unknown tag ${tag}`)
  }
}

/**
 * The value that `bytes` hold from `start` to `stop`; `undefined` where there are none. Throws an `EncodingError`.
 * @param {Buffer} bytes
 * @param {number} [start]
 * @param {number} [stop]
 * @returns {any}
 */
function decodeValue (bytes, start = 0, stop = bytes.length) {
  if (start === stop) return undefined
  memory = bytes
  position = start
  limit = stop
  items = 0
  const value = take(0)
  if (position !== stop) refuse('more bytes than a value')
  return value
}

module.exports = { decodeValue }

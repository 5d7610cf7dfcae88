'use strict'
// What docs/javascript.md says that a call makes of a value: JSON's rules, with more kinds. Written apart from the encoder, and slowly.

const { types } = require('node:util')
const { tagOf } = require('./compare.js')

const NONE = Symbol('left out')
const KNOWN = new Set(['AggregateError', 'RangeError', 'TypeError', 'URIError', 'AbortError', 'DOMException'])
const refuse = () => { throw new TypeError('refused') }

function asCalled (value, key = '', open = []) {
  if (value !== null && typeof value === 'object' && !ArrayBuffer.isView(value) && !types.isAnyArrayBuffer(value) && typeof value.toJSON === 'function') value = value.toJSON(key)
  switch (typeof value) {
    case 'undefined': case 'function': case 'symbol': return NONE
    case 'string': return Buffer.from(value).toString()
    case 'bigint': return value.toString(16).length > 32768 ? refuse() : value
    case 'object': break
    default: return value
  }
  if (value === null) return null
  if (open.length > 64 || open.includes(value)) refuse()
  const within = [...open, value]
  const part = (member, name) => asCalled(member, name, within)
  if (ArrayBuffer.isView(value)) return Buffer.from(bytesOf(value))
  if (types.isAnyArrayBuffer(value)) return Buffer.from(new Uint8Array(value))
  if (types.isBoxedPrimitive(value)) return types.isSymbolObject(value) ? refuse() : part(Object.getPrototypeOf(Object(primitive(value))).valueOf.call(value), key)
  if (Array.isArray(value)) return elements(value.length - Object.keys(value).length > 1e6 ? refuse() : [...Array(value.length).keys()].map(index => value[index]), part)
  if (types.isSet(value)) return elements([...Set.prototype.values.call(value)], part)
  if (types.isMap(value)) return members([...Map.prototype.entries.call(value)].map(([name, member]) => [String(name), member]), part)
  if (types.isNativeError(value)) return error(value, part)
  if (value instanceof URLSearchParams) return String(value)
  if (value instanceof Error) return error(value, part)
  if (types.isDate(value) || types.isRegExp(value)) refuse()
  const names = Object.keys(value)
  if (['BlockList', 'SocketAddress', 'KeyObject', 'WeakRef'].includes(value.constructor?.name)) refuse()
  if (names.length === 0 && !['Object', 'Arguments'].includes(tagOf(value))) refuse()
  return members(names.map(name => [name, value[name]]), part)
}

const bytesOf = view => types.isDataView(view) ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : new Uint8Array(view.buffer.slice(0), offset.call(view), byteLength.call(view))
const [offset, byteLength] = ['byteOffset', 'byteLength'].map(name => Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), name).get)
const primitive = value => types.isNumberObject(value) ? 0 : types.isStringObject(value) ? '' : types.isBooleanObject(value) ? false : 0n

const elements = (list, part) => list.map((element, index) => {
  const made = part(element, String(index))
  return made === NONE ? null : made
})

function members (pairs, part) {
  const object = {}
  for (const [name, member] of pairs) {
    const made = part(member, name)
    if (made === NONE) continue
    if (Buffer.from(name).toString() !== name) refuse()
    Object.defineProperty(object, name, { value: made, enumerable: true, configurable: true, writable: true })
  }
  return object
}

function error (value, part) {
  const attempt = read => {
    try {
      return read()
    } catch {
      return NONE
    }
  }
  const object = {}
  const name = attempt(() => value.name)
  const add = (key, member) => {
    const made = attempt(() => part(member, key))
    if (made !== NONE && member !== undefined) object[key] = made
  }
  if (KNOWN.has(name)) object.type = name
  else if (name !== 'Error' && typeof name === 'string') object.name = name
  add('message', attempt(() => value.message) ?? '')
  const code = attempt(() => value.code)
  if (code && code !== NONE) add('code', code)
  for (const key of Object.keys(value)) {
    const member = attempt(() => value[key])
    if (member !== NONE) add(key, member)
  }
  return object
}

module.exports = { NONE, asCalled }

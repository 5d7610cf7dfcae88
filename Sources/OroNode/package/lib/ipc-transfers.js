// SPDX-License-Identifier: Apache-2.0
'use strict'
/** Messages as they travel where only JSON does: buffers and ports become descriptions, and come out of them again. */

const { types } = require('node:util')
const { viewBytes } = require('./bytes.js')
const { isPlainObject } = require('./kinds.js')
const { IPCMessagePort, serialize } = require('./port.js')

const ERRORS = [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]

const tagOf = bytes => ({ __type__: 'Buffer', data: bytes.toString('base64') })

/**
 * Adds buffers and ports in `object` to `transfers`, and answers `object` with descriptions in the place of buffers. What
 * the caller has is not changed: where something is replaced the answer is a copy.
 * @param {Set<any>} transfers
 * @param {any} object
 * @returns {any}
 */
function findIPCMessageTransfers (transfers, object) {
  const seen = new Map()
  const find = value => {
    if (value === null || typeof value !== 'object') return value
    if (ArrayBuffer.isView(value)) {
      if (typeof value[serialize] !== 'function') transfers.add(value.buffer)
      return tagOf(viewBytes(value))
    }
    if (types.isArrayBuffer(value)) {
      transfers.add(value)
      return tagOf(viewBytes(value))
    }
    if (value instanceof IPCMessagePort) {
      transfers.add(value)
      return value
    }
    if (value instanceof MessagePort) {
      transfers.delete(value)
      const port = IPCMessagePort.create(value)
      transfers.add(port)
      return port
    }
    if (!Array.isArray(value) && !isPlainObject(value)) return value
    if (seen.has(value)) return seen.get(value)
    return copyMembers(value, find, seen)
  }
  return find(object)
}

/**
 * The object, where parts of it are something else: what `find` answers of them, wherever the platform's structured clone looks.
 * What the caller has is not changed.
 * @param {any} object
 * @param {(value: any) => any} find `undefined` for what stays
 */
function replaceIn (object, find) {
  const seen = new Map()
  const replace = value => {
    const found = find(value)
    if (found !== undefined) return found
    if (value === null || typeof value !== 'object' || types.isProxy(value)) return value
    return seen.get(value) ?? copyParts(value, replace, seen)
  }
  return replace(object)
}

/** A copy of what a structured clone would copy, with its parts replaced: itself when none is another. */
function copyParts (value, replace, seen) {
  if (types.isMap(value)) return copyInto(new Map(), value, replace, seen, (map, [key, member]) => map.set(key, member))
  if (types.isSet(value)) return copyInto(new Set(), value, replace, seen, (set, [element]) => set.add(element))
  if (types.isNativeError(value)) return copyError(value, replace, seen)
  // Objects of any class come out of a clone as plain ones; the platform's own do not, and hold nothing of ours.
  const isObject = Object.prototype.toString.call(value) === '[object Object]'
  return Array.isArray(value) || isObject ? copyMembers(value, replace, seen) : value
}

function copyInto (copy, value, replace, seen, add) {
  seen.set(value, copy)
  let isChanged = false
  for (const entry of types.isMap(value) ? Map.prototype.entries.call(value) : Set.prototype.entries.call(value)) {
    const replaced = entry.map(replace)
    if (replaced[0] !== entry[0] || replaced[1] !== entry[1]) isChanged = true
    add(copy, replaced)
  }
  if (isChanged) return copy
  seen.set(value, value)
  return value
}

/** Of an error only the cause may hold something; a clone knows no other members of it. */
function copyError (error, replace, seen) {
  if (!Object.hasOwn(error, 'cause')) return error
  seen.set(error, error)
  const { cause } = error
  const replaced = replace(cause)
  if (replaced === cause) return error
  const Class = ERRORS.find(({ name }) => name === error.name) ?? Error
  const copy = new Class(error.message, { cause: replaced })
  Object.defineProperty(copy, 'stack', { value: error.stack, configurable: true, writable: true })
  return copy
}

/** An array or object with its members replaced: itself when none is another. */
function copyMembers (value, replace, seen) {
  const copy = Array.isArray(value) ? [] : {}
  // A cycle that comes back here gets the copy; it is then a part of one.
  seen.set(value, copy)
  let isChanged = false
  for (const key in value) {
    const replaced = replace(value[key])
    if (replaced !== value[key]) isChanged = true
    Object.defineProperty(copy, key, { value: replaced, enumerable: true, configurable: true, writable: true })
  }
  if (Array.isArray(value)) copy.length = value.length
  if (isChanged) return copy
  seen.set(value, value)
  return value
}

/**
 * Makes buffers, ports and objects of registered types of their descriptions, in the place where they are.
 * @param {any} object
 * @param {Map<string, any>} [types] classes by the `__type__` of what describes them
 * @returns {any}
 */
function inflateIPCMessageTransfers (object, types = new Map()) {
  const seen = new Set()
  const inflate = value => {
    if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value) || seen.has(value)) return value
    const Type = types.get(value.__type__)
    if (value.__type__ !== undefined && typeof Type === 'function') {
      return typeof Type.from === 'function' ? Type.from(value) : new Type(value)
    }
    if (value.__type__ === 'IPCMessagePort' && value.id) return IPCMessagePort.create(value)
    if (value.__type__ === 'Buffer' && typeof value.data === 'string') return Buffer.from(value.data, 'base64')
    seen.add(value)
    for (const key in value) {
      const inflated = inflate(value[key])
      if (inflated !== value[key]) value[key] = inflated
    }
    return value
  }
  return inflate(object)
}

module.exports = { findIPCMessageTransfers, inflateIPCMessageTransfers, replaceIn }

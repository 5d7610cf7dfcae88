'use strict'
/** Messages as they travel where only JSON does: buffers and ports become descriptions, and come out of them again. */

const { types } = require('node:util')
const { viewBytes } = require('./bytes.js')
const { isPlainObject } = require('./kinds.js')
const { IPCMessagePort, serialize } = require('./port.js')

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
 * The object, where parts of it are something else: what `find` answers of them. What the caller has is not changed.
 * @param {any} object
 * @param {(value: any) => any} find `undefined` for what stays
 */
function replaceIn (object, find) {
  const seen = new Map()
  const replace = value => {
    const found = find(value)
    if (found !== undefined) return found
    if (value === null || typeof value !== 'object' || (!Array.isArray(value) && !isPlainObject(value))) return value
    return seen.get(value) ?? copyMembers(value, replace, seen)
  }
  return replace(object)
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

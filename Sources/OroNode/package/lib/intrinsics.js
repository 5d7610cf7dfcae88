// SPDX-License-Identifier: Apache-2.0
'use strict'
/** What buffers and views are, whatever members a program has given them. */

const { types } = require('node:util')

const getter = (prototype, name) => Object.getOwnPropertyDescriptor(prototype, name).get

const arrays = Object.getPrototypeOf(Uint8Array.prototype)
const [ofArrays, ofDataViews] = [arrays, DataView.prototype].map(prototype => ({
  buffer: getter(prototype, 'buffer'),
  byteOffset: getter(prototype, 'byteOffset'),
  byteLength: getter(prototype, 'byteLength')
}))
const elements = getter(arrays, 'length')
const bytesOfBuffer = getter(ArrayBuffer.prototype, 'byteLength')
const resizable = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'resizable')?.get

/** Whether a buffer's memory has gone elsewhere. */
function isDetached (buffer) {
  if (types.isSharedArrayBuffer(buffer)) return false
  if (bytesOfBuffer.call(buffer) > 0) return false
  try {
    return new Uint8Array(buffer).length > 0
  } catch {
    return true
  }
}

const bufferOf = view => (types.isDataView(view) ? ofDataViews : ofArrays).buffer.call(view)

/**
 * @param {ArrayBufferView} view
 * @returns {{ buffer: ArrayBufferLike, offset: number, byteLength: number, length: number }}
 */
function partsOfView (view) {
  const buffer = bufferOf(view)
  if (isDetached(buffer)) return { buffer, offset: 0, byteLength: 0, length: 0 }
  const isDataView = types.isDataView(view)
  const { byteOffset, byteLength } = isDataView ? ofDataViews : ofArrays
  const count = byteLength.call(view)
  return { buffer, offset: byteOffset.call(view), byteLength: count, length: isDataView ? count : elements.call(view) }
}

/** The bytes below a view, as a view of bytes over the same memory. */
function bytesOfView (view) {
  const { buffer, offset, byteLength } = partsOfView(view)
  return new Uint8Array(buffer, offset, byteLength)
}

const isResizable = buffer => !types.isSharedArrayBuffer(buffer) && resizable?.call(buffer) === true

module.exports = { bufferOf, bytesOfView, isDetached, isResizable, partsOfView }

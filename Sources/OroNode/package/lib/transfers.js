// SPDX-License-Identifier: Apache-2.0
'use strict'

const { types } = require('node:util')

/**
 * Appends the buffers that `object` has anywhere inside to `transfers`, each once, and answers `transfers`.
 * Of views it takes the buffer below; maps and sets are not searched.
 * @param {any[]} transfers
 * @param {any} object
 * @returns {any[]}
 */
function findMessageTransfers (transfers, object) {
  const found = new Set(transfers)
  const seen = new Set()
  const search = value => {
    if (value === null || typeof value !== 'object') return
    const buffer = ArrayBuffer.isView(value) ? value.buffer : value
    if (types.isAnyArrayBuffer(buffer)) {
      if (!found.has(buffer)) transfers.push(buffer)
      found.add(buffer)
      return
    }
    if (seen.has(value)) return
    seen.add(value)
    // Not by its length: what is not there need not be looked at.
    for (const key in value) search(value[key])
  }
  search(object)
  return transfers
}

module.exports = { findMessageTransfers }

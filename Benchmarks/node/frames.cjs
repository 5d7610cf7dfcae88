// SPDX-License-Identifier: Apache-2.0
'use strict'
// Messages in a stream of bytes: four bytes of length, then the message.

function frame (bytes) {
  const head = Buffer.allocUnsafe(4)
  head.writeUInt32LE(bytes.length)
  return Buffer.concat([head, bytes])
}

/** Calls `take` with each message that comes. */
function readFrames (stream, take) {
  let parts = []
  let have = 0
  let wanted = 4
  stream.on('data', part => {
    parts.push(part)
    have += part.length
    while (have >= wanted) {
      const all = parts.length === 1 ? parts[0] : Buffer.concat(parts)
      const end = 4 + all.readUInt32LE()
      parts = [all]
      wanted = end
      if (have < end) return
      parts = [all.subarray(end)]
      have -= end
      wanted = 4
      take(all.subarray(4, end))
    }
  })
}

module.exports = { frame, readFrames }

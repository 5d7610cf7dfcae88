// SPDX-License-Identifier: Apache-2.0
'use strict'
/** Sequence numbers of requests. */

/**
 * Parses a sequence number such as `R12`. A text that is no number gives `NaN`, or with `bigint` throws a SyntaxError.
 * @param {string | number | bigint} seq
 * @param {{ bigint?: boolean }} [options] `bigint: true`: exact, of any size
 * @returns {number | bigint}
 */
function parseSeq (seq, options) {
  const digits = String(seq).replace(/^[Rr]/, '').replace(/n$/, '')
  // No radix: `0x10` is 16.
  return options?.bigint === true ? BigInt(digits) : parseInt(digits)
}

let last = 0

/** The realm's next sequence number, `R1`, `R2`, …. */
const nextSeq = () => `R${++last}`

module.exports = { parseSeq, nextSeq }

// SPDX-License-Identifier: Apache-2.0
'use strict'

// A backslash that no backslash stands before.
const LONE_BACKSLASH = /(?<!\\)\\/g

/**
 * The value that `input`, as text, is the JSON of; `null` when it is none. Never throws.
 *
 * A text that is no JSON only because it has lone backslashes, such as `"C:\Users"`, is taken as it was meant.
 * @param {any} input
 * @returns {any}
 */
function parseJSON (input) {
  if (input === null) return null
  let text
  try {
    text = String(input)
    return JSON.parse(text)
  } catch {
    if (!text?.includes('\\')) return null
  }
  try {
    return JSON.parse(text.replace(LONE_BACKSLASH, '\\\\'))
  } catch {
    return null
  }
}

module.exports = { parseJSON }

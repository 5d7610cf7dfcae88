// SPDX-License-Identifier: Apache-2.0
'use strict'
/** What calls of every kind share: which commands can be asked, and how long they wait. */

const { TIMEOUT } = require('./constants.js')

const COMMAND = /^[A-Za-z0-9._-]{1,255}$/

/** Why nothing can be sent under this name; `null` when it can. */
function problemOf (command) {
  if (typeof command === 'string' && COMMAND.test(command)) return null
  return new TypeError(`'${String(command)}' is no command: 1 to 255 of A-Z a-z 0-9 . _ -`)
}

/** Milliseconds a call waits; 0 is for ever. */
function timeoutOf ({ timeout }) {
  if (!timeout) return 0
  return typeof timeout === 'number' && timeout > 0 ? Math.min(Math.ceil(timeout), 0xffffffff) : TIMEOUT
}

module.exports = { problemOf, timeoutOf }

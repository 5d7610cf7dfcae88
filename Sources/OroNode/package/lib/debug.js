// SPDX-License-Identifier: Apache-2.0
'use strict'
/** `debug`: whether, and how, the module tells what it does. */

const { args } = require('./args.js')

const kDebugEnabled = Symbol.for('oro.runtime.ipc.debug.enabled')

/**
 * Turns debug output on or off; any other argument than `true` and `false` changes nothing.
 * @param {boolean} [enable]
 * @returns {boolean} whether it is on
 */
function debug (enable) {
  if (enable === true || enable === false) debug.enabled = enable
  return debug.enabled
}

Object.defineProperty(debug, 'enabled', {
  /** Until it is first written it follows the realm's own debug flag. */
  get: () => debug[kDebugEnabled] === undefined ? Boolean(args().debug) : debug[kDebugEnabled],
  set (value) { debug[kDebugEnabled] = Boolean(value) }
})

// Decided once: a program that did not ask for output when it started pays nothing for it later.
const prints = debug.enabled && Boolean(args().env?.ORO_DEBUG_IPC)

/** Prints its arguments when output was asked for at start. */
debug.log = prints ? (...values) => { console.log(...values) } : () => {}

module.exports = { debug, kDebugEnabled }

// SPDX-License-Identifier: Apache-2.0
'use strict'
/** Calls that end with a signal. However many there are, they are one listener of it. */

const calls = new WeakMap()

/** Runs what may be a program's own, such as a signal's methods; what it throws is nobody's: its call ends all the same. */
function attempt (body) {
  try {
    body()
  } catch {
    // The others go on.
  }
}

/**
 * Calls `callback` when the signal aborts.
 * @param {AbortSignal} signal
 * @param {() => void} callback
 * @returns {() => void} takes that back
 */
function onAbort (signal, callback) {
  if (typeof signal.addEventListener !== 'function') throw new TypeError(`the option signal is an AbortSignal, not ${typeof signal}`)
  let waiting = calls.get(signal)
  if (!waiting) {
    const callbacks = new Set()
    const listener = () => {
      calls.delete(signal)
      for (const each of [...callbacks]) attempt(each)
    }
    waiting = { callbacks, listener }
    signal.addEventListener('abort', listener, { once: true })
    calls.set(signal, waiting)
  }
  const { callbacks, listener } = waiting
  callbacks.add(callback)
  return () => {
    if (!callbacks.delete(callback) || callbacks.size > 0 || calls.get(signal) !== waiting) return
    calls.delete(signal)
    signal.removeEventListener('abort', listener)
  }
}

module.exports = { attempt, onAbort }

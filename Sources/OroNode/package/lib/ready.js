// SPDX-License-Identifier: Apache-2.0
'use strict'

const { setTimeout: pause } = require('node:timers/promises')
const connection = require('./connection.js')
const { TimeoutError } = require('./errors.js')

const LIMIT = 10_000
const INTERVAL = 25

/** The same promise, but for so many milliseconds at most. */
async function soon (promise, limit) {
  const controller = new AbortController()
  const late = pause(limit, undefined, { signal: controller.signal }).then(() => { throw new TimeoutError('the host does not answer') })
  late.catch(() => {})
  try {
    await Promise.race([promise, late])
  } finally {
    controller.abort()
  }
}

/**
 * Waits until a host is reached, or the realm has its arguments from a runtime. Rejects after 10 seconds.
 * @returns {Promise<void>}
 */
async function ready () {
  const giveUp = performance.now() + LIMIT
  for (;;) {
    if (globalThis.__args) return
    try {
      await soon(connection.open().ready, giveUp - performance.now())
      return
    } catch (cause) {
      if (performance.now() > giveUp) throw new Error('Failed to resolve globalThis.__args', { cause })
    }
    await pause(INTERVAL)
  }
}

module.exports = { ready }

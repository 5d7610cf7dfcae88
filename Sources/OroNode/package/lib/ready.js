// SPDX-License-Identifier: Apache-2.0
'use strict'

const { setTimeout: pause } = require('node:timers/promises')
const connection = require('./connection.js')

const LIMIT = 10_000
const INTERVAL = 25

/**
 * Waits until a host is reached, or the realm has its arguments from a runtime. Rejects after 10 seconds.
 * @returns {Promise<void>}
 */
async function ready () {
  const giveUp = performance.now() + LIMIT
  for (;;) {
    if (globalThis.__args) return
    try {
      connection.open()
      return
    } catch (cause) {
      if (performance.now() > giveUp) throw new Error('Failed to resolve globalThis.__args', { cause })
    }
    await pause(INTERVAL)
  }
}

module.exports = { ready }

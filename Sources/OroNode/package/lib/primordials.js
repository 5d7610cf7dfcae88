// SPDX-License-Identifier: Apache-2.0
'use strict'

const { sendSync } = require('./calls.js')
const connection = require('./connection.js')
const { isPlainObject } = require('./kinds.js')

/** Milliseconds that a host has to say it: a realm that is being loaded does not wait longer. */
const LIMIT = 1000

/**
 * What the host says about itself and the machine; `{}` without a host, and from one that does not answer in time.
 * @returns {Readonly<Record<string, any>>}
 */
function readPrimordials () {
  const data = connection.isOpen() ? sendSync('platform.primordials', '', { timeout: LIMIT }).data : null
  const primordials = isPlainObject(data) ? { ...data } : {}
  if (typeof primordials.cwd === 'string') primordials.cwd = primordials.cwd.replace(/\\$/, '')
  const overrides = globalThis.__RUNTIME_PRIMORDIAL_OVERRIDES__
  if (overrides && typeof overrides === 'object') Object.assign(primordials, overrides)
  return Object.freeze(primordials)
}

module.exports = { readPrimordials }

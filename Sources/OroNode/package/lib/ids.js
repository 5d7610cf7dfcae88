// SPDX-License-Identifier: Apache-2.0
'use strict'

const { randomBytes } = require('node:crypto')

/** A random unsigned 64-bit integer, in decimal. */
const randomId = () => randomBytes(8).readBigUInt64LE().toString()

module.exports = { randomId }

// SPDX-License-Identifier: Apache-2.0
'use strict'
/** The module `oro-ipc/host`: a Node program that answers commands. */

module.exports = require('./lib/host.js')

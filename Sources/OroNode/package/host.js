'use strict'
/** The module `oro-ipc/host`: a Node program that answers commands. */

module.exports = require('./lib/host.js')

'use strict'
/** The package `oro-ipc` itself: to which host this realm talks. The module's functions are in `oro:ipc`. */

const connection = require('./lib/connection.js')
const errors = require('./lib/errors.js')
const { events } = require('./lib/events.js')

module.exports = {
  connect: connection.connect,
  disconnect: connection.disconnect,
  errors,
  events
}

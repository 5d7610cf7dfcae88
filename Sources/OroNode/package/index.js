// SPDX-License-Identifier: Apache-2.0
'use strict'
/** The package `oro-ipc` itself: to which host this realm talks. The module's functions are in `oro:ipc`. */

const connection = require('./lib/connection.js')
const errors = require('./lib/errors.js')
const { events } = require('./lib/events.js')
const { IPCEventSource, fetchIPC } = require('./lib/fetch-ipc.js')
const { stream } = require('./lib/stream.js')

module.exports = {
  IPCEventSource,
  connect: connection.connect,
  disconnect: connection.disconnect,
  errors,
  events,
  fetchIPC,
  /** A port to the host of this realm, which takes it under this name. */
  openPort: name => connection.open().openPort(name),
  /** A port to the next client of the same host that says this name. */
  meet: name => connection.open().meet(name),
  stream
}

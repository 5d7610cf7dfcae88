// SPDX-License-Identifier: Apache-2.0
'use strict'
/** The module `oro:ipc`, for `require`. */

const { send, request, write, sendSync } = require('./lib/calls.js')
const { bindingFactory } = require('./lib/binding.js')
const { IPCBroadcastChannel } = require('./lib/broadcast.js')
const { IPCMessageChannel } = require('./lib/channel.js')
const constants = require('./lib/constants.js')
const { debug, kDebugEnabled } = require('./lib/debug.js')
const { emit, resolve } = require('./lib/events.js')
const { Headers } = require('./lib/headers.js')
const { hearHosts } = require('./lib/host-events.js')
const { findIPCMessageTransfers, inflateIPCMessageTransfers } = require('./lib/ipc-transfers.js')
const { maybeMakeError } = require('./lib/make-error.js')
const { Message } = require('./lib/message.js')
const { IPCMessagePort } = require('./lib/port.js')
const { postMessage } = require('./lib/post-message.js')
const { primordials } = require('./lib/primordials.js')
const { ready } = require('./lib/ready.js')
const { Result } = require('./lib/result.js')
const { IPCSearchParams } = require('./lib/search-params.js')
const { parseSeq } = require('./lib/seq.js')
const { findMessageTransfers } = require('./lib/transfers.js')

const createBinding = bindingFactory({ emit, ready, resolve, request, send, sendSync, write })

module.exports = {
  ...constants,
  Headers,
  IPCBroadcastChannel,
  IPCMessageChannel,
  IPCMessagePort,
  IPCSearchParams,
  Message,
  Result,
  createBinding,
  debug,
  emit,
  findIPCMessageTransfers,
  findMessageTransfers,
  inflateIPCMessageTransfers,
  kDebugEnabled,
  maybeMakeError,
  parseSeq,
  postMessage,
  get primordials () { return primordials() },
  ready,
  request,
  resolve,
  send,
  sendSync,
  write
}
module.exports.default = module.exports

hearHosts()
// A host that is named already is asked now.
primordials()

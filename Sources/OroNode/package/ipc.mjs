// SPDX-License-Identifier: Apache-2.0
/** The module `oro:ipc`, for `import`. */

import * as exports from './ipc.mjs'
import ipc from './ipc.js'
import connection from './lib/connection.js'

export const {
  ERROR,
  Headers,
  IPCBroadcastChannel,
  IPCMessageChannel,
  IPCMessagePort,
  IPCSearchParams,
  Message,
  OK,
  Result,
  TIMEOUT,
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
  ready,
  request,
  resolve,
  send,
  sendSync,
  write
} = ipc

export let { primordials } = ipc
connection.onOpen(() => { primordials = ipc.primordials })

export default exports

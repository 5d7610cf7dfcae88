// SPDX-License-Identifier: Apache-2.0
/** The module `oro:ipc`, for `import`. */

import * as exports from './ipc.mjs'
import ipc from './ipc.js'
import known from './lib/primordials.js'

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
known.onPrimordials(given => { primordials = given })

export default exports

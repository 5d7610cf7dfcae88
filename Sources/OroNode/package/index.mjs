// SPDX-License-Identifier: Apache-2.0
import oro from './index.js'

export const { IPCEventSource, connect, disconnect, errors, events, fetchIPC, meet, openPort, stream } = oro
export default oro

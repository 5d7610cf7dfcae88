// SPDX-License-Identifier: Apache-2.0
import oro from './index.js'

export const { connect, disconnect, errors, events, meet, openPort } = oro
export default oro

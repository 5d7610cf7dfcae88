// SPDX-License-Identifier: Apache-2.0
import host from './lib/host.js'

export const { Host, Reply, Request, Result } = host
export default host

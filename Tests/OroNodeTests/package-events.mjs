// SPDX-License-Identifier: Apache-2.0
// The package's own exports, for programs that find it by a variable of the environment.

import { createRequire } from 'node:module'
import path from 'node:path'

const require = createRequire(import.meta.url)
export const { connect, disconnect, events } = require(path.join(process.env.ORO_NODE_PACKAGE, 'index.js'))

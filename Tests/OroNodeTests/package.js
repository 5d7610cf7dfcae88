// SPDX-License-Identifier: Apache-2.0
'use strict'
// On a terminal the test runner asks for colours, also in what the programs of tests print for tests to read.
delete process.env.FORCE_COLOR
/** Where the package under test is: as tools/build-node made it. */

const path = require('node:path')

const root = path.join(__dirname, '..', '..')
const folder = process.env.ORO_NODE_PACKAGE ?? path.join(root, '.build', 'node', 'oro-ipc')

module.exports = { root, folder, load: file => require(path.join(folder, file)) }

'use strict'
/** Where the package under test is: as tools/build-node made it. */

const path = require('node:path')

const root = path.join(__dirname, '..', '..')
const folder = process.env.ORO_NODE_PACKAGE ?? path.join(root, '.build', 'node', 'oro-ipc')

module.exports = { root, folder, load: file => require(path.join(folder, file)) }

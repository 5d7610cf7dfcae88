'use strict'
/** Where the package under test is. */

const path = require('node:path')

const root = path.join(__dirname, '..', '..')
const folder = path.join(root, 'Sources', 'OroNode', 'package')

module.exports = { root, folder, load: file => require(path.join(folder, file)) }

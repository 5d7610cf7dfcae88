// SPDX-License-Identifier: Apache-2.0
'use strict'
/** The addon, loaded when it is first needed: a realm that never names a host never does. */

const path = require('node:path')

const file = path.join(__dirname, '..', 'build', 'oro_ipc.node')
let addon = null

/** @returns {any} the functions of the addon, once an environment */
function native () {
  addon ??= load()
  return addon
}

function load () {
  try {
    return require(file)
  } catch (cause) {
    if (cause.code !== 'MODULE_NOT_FOUND') throw cause
    throw new Error(`the addon is not built: tools/build-node makes ${file}`, { cause })
  }
}

module.exports = { native }

'use strict'
/** The addon, loaded when it is first needed: a realm that never names a host never does. */

const path = require('node:path')

const file = path.join(__dirname, '..', 'build', 'oro_ipc.node')
let addon = null

/** @returns {any} the functions of the addon, once an environment */
function native () {
  addon ??= require(file)
  return addon
}

module.exports = { native }

// SPDX-License-Identifier: Apache-2.0
'use strict'
/**
 * `node --import oro-ipc/register app.mjs`: makes `oro:ipc` a module that can be imported and required.
 */

const Module = require('node:module')
const path = require('node:path')
const { pathToFileURL } = require('node:url')

const SPECIFIER = 'oro:ipc'
const commonJS = path.join(__dirname, 'ipc.js')

if (typeof Module.registerHooks === 'function') {
  // Newer versions of Node: one hook for both, on this thread.
  const { resolve } = require('./hooks.js')
  Module.registerHooks({ resolve })
} else {
  Module.register('./hooks.mjs', pathToFileURL(__filename))
  // `require` does not ask those hooks.
  const resolveFilename = Module._resolveFilename
  Module._resolveFilename = function (request, ...rest) {
    return request === SPECIFIER ? commonJS : resolveFilename.call(this, request, ...rest)
  }
}

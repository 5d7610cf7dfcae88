// SPDX-License-Identifier: Apache-2.0
'use strict'
/** Resolves `oro:ipc` for `import` and for `require`; on the thread that asks. */

const path = require('node:path')
const { pathToFileURL } = require('node:url')

const urlOf = file => pathToFileURL(path.join(__dirname, file)).href

function resolve (specifier, context, next) {
  if (specifier !== 'oro:ipc') return next(specifier, context)
  return context.conditions.includes('require')
    ? { url: urlOf('ipc.js'), format: 'commonjs', shortCircuit: true }
    : { url: urlOf('ipc.mjs'), format: 'module', shortCircuit: true }
}

module.exports = { resolve }

// SPDX-License-Identifier: Apache-2.0
'use strict'

const { own } = require('./kinds.js')

// Asking a binding for these must not make a path of them: `await binding`, `console.log(binding)`.
const isPassedThrough = key =>
  key === 'inspect' || key === '__proto__' || key === 'constructor' || key in Promise.prototype || key in Function.prototype

/**
 * Makes the function `createBinding` over the module's calls.
 * @param {Record<string, Function>} calls `emit`, `ready`, `resolve`, `request`, `send`, `sendSync`, `write`
 */
function bindingFactory (calls) {
  /**
   * An object whose members, to any depth, are commands: `createBinding('fs').stat(path)` is `send('fs.stat', path)`.
   * @param {string} [domain] the first part of each command
   * @param {object | Function} [ctx] which call a command takes, by its full path, and `default`
   * @returns {any}
   */
  return function createBinding (domain, ctx) {
    if (domain && typeof domain === 'object') [domain, ctx] = [undefined, domain]
    const context = typeof ctx === 'function' ? ctx : Object.assign(function () {}, ctx)
    const root = typeof domain === 'string' && domain ? [domain] : []
    context.chain = new Set(root)

    const call = (path, values) => {
      const command = path.join('.')
      const chosen = own(context, command)
      const name = chosen?.method || chosen || context.default || 'send'
      const method = typeof name === 'string' ? own(calls, name) : undefined
      if (!method) throw new TypeError(`'${command}' is bound to '${String(name)}', which is no call of oro:ipc`)
      return method(command, ...values)
    }

    // Each path has a proxy of its own: one that is kept stays what it was.
    const at = path => new Proxy(context, {
      get: (target, key) => {
        const value = target[key]
        if (value !== undefined && value !== null) return value
        if (isPassedThrough(key)) return undefined
        return at(typeof key === 'string' && key ? [...path, key] : path)
      },
      apply: (target, self, values) => call(path, values)
    })
    return at(root)
  }
}

module.exports = { bindingFactory }

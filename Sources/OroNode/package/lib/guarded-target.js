// SPDX-License-Identifier: Apache-2.0
'use strict'
/** What the code of a host's users throws where nobody waits for an answer: it is reported, and the host goes on. */

const { types } = require('node:util')
const { errorOf } = require('./kinds.js')

/** Reports what was thrown as a warning of the process. */
function report (who, thrown) {
  const error = errorOf(thrown)
  let detail
  try {
    detail = String(error.stack)
  } catch {
    detail = 'an error without a text'
  }
  process.emitWarning(`${who} of a host has thrown`, { type: 'OroIPCWarning', detail })
}

/**
 * Runs `body`; what it throws, or its promise is rejected with, goes to `failed`.
 * @param {() => any} body
 * @param {(thrown: any) => void} failed
 */
function guard (body, failed) {
  try {
    const answer = body()
    if (types.isPromise(answer)) Promise.prototype.then.call(answer, undefined, failed)
  } catch (thrown) {
    failed(thrown)
  }
}

/** An event target whose listeners cannot end the process. */
class GuardedTarget extends EventTarget {
  #guarded = new WeakMap()

  addEventListener (type, listener, options = undefined) {
    super.addEventListener(type, this.#guard(listener), options)
  }

  removeEventListener (type, listener, options = undefined) {
    super.removeEventListener(type, this.#guarded.get(listener) ?? listener, options)
  }

  #guard (listener) {
    if (listener === null || (typeof listener !== 'function' && typeof listener !== 'object')) return listener
    let guarded = this.#guarded.get(listener)
    if (!guarded) {
      guarded = function (event) {
        const call = () => typeof listener === 'function' ? listener.call(this, event) : listener.handleEvent(event)
        guard(call, thrown => report('a listener', thrown))
      }
      this.#guarded.set(listener, guarded)
    }
    return guarded
  }
}

module.exports = { GuardedTarget, guard, report }

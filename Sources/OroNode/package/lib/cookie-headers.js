// SPDX-License-Identifier: Apache-2.0
'use strict'
/**
 * The platform's Headers, whose `set-cookie` values each stay an entry of their own, as Fetch has it: Debian's Node 18 joins them.
 */

const COOKIE = 'set-cookie'
const isCookie = name => String(name).toLowerCase() === COOKIE

class CookieHeaders extends globalThis.Headers {
  #cookies

  constructor (init = undefined) {
    super()
    this.#cookies = []
    if (init === undefined) return
    const pairs = typeof init[Symbol.iterator] === 'function' ? init : Object.entries(init)
    for (const [name, value] of pairs) this.append(name, value)
  }

  append (name, value) {
    if (!isCookie(name)) return super.append(name, value)
    // The platform's own rules for values.
    const checked = new globalThis.Headers([[COOKIE, value]]).get(COOKIE)
    this.#cookies.push(checked)
  }

  set (name, value) {
    if (!isCookie(name)) return super.set(name, value)
    this.#cookies = []
    this.append(name, value)
  }

  delete (name) {
    if (!isCookie(name)) return super.delete(name)
    this.#cookies = []
  }

  get (name) {
    if (!isCookie(name)) return super.get(name)
    return this.#cookies.length ? this.#cookies.join(', ') : null
  }

  has (name) { return isCookie(name) ? this.#cookies.length > 0 : super.has(name) }

  getSetCookie () { return [...this.#cookies] }

  * entries () {
    const cookies = this.#cookies.map(value => [COOKIE, value])
    for (const entry of super.entries()) {
      if (entry[0] > COOKIE) yield * cookies.splice(0)
      yield entry
    }
    yield * cookies
  }

  * keys () { for (const [name] of this.entries()) yield name }

  * values () { for (const [, value] of this.entries()) yield value }

  forEach (callback, self = undefined) {
    for (const [name, value] of this.entries()) callback.call(self, value, name, this)
  }

  [Symbol.iterator] () { return this.entries() }
}

/** What headers are made of here. */
const PlatformHeaders = typeof globalThis.Headers.prototype.getSetCookie === 'function' ? globalThis.Headers : CookieHeaders

module.exports = { PlatformHeaders }

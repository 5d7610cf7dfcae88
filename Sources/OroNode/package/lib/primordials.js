// SPDX-License-Identifier: Apache-2.0
'use strict'
/** What the host says about itself and the machine; `{}` without a host, and from one that does not answer in time. */

const { request, sendSync } = require('./calls.js')
const connection = require('./connection.js')
const { isPlainObject } = require('./kinds.js')

const COMMAND = 'platform.primordials'

/** Milliseconds that a host has to say it, with connecting to it: a realm that is being loaded does not wait longer. */
const LIMIT = 1000

/** Which host of a link: it may come back to another. */
class Asked {
  /** @param {import('./link.js').Link | null} link */
  constructor (link) {
    this.link = link
    this.hosts = link?.hosts
  }

  is (link) { return this.link === link && this.hosts === link.hosts }
}

/** The host that was asked, the one that has answered, and what it said. */
let asked = new Asked(null)
let answered = new Asked(null)
let known = null
const listeners = new Set()

/** @returns {Readonly<Record<string, any>>} */
function frozen (data) {
  const primordials = isPlainObject(data) ? { ...data } : {}
  if (typeof primordials.cwd === 'string') primordials.cwd = primordials.cwd.replace(/\\$/, '')
  const overrides = globalThis.__RUNTIME_PRIMORDIAL_OVERRIDES__
  if (overrides && typeof overrides === 'object') Object.assign(primordials, overrides)
  return Object.freeze(primordials)
}

function know (link, data) {
  answered = new Asked(link)
  known = frozen(data)
  for (const listener of listeners) listener(known)
}

/** What is known of the host of this realm's link; who asks before it has said it waits for it, `LIMIT` at most. */
function primordials () {
  const link = connection.isOpen() ? connection.current() : null
  if (link && !answered.is(link)) {
    // A host of this thread cannot answer now; it says it when it can.
    if (link.isOwnThreads) return frozen(null)
    asked = new Asked(link)
    know(link, sendSync(COMMAND, '', { timeout: LIMIT }).data)
  }
  if (known === null) know(null, null)
  return known
}

/** Calls `listener` with what each host says that is reached from now on. */
const onPrimordials = listener => { listeners.add(listener) }

// What a realm knows about its host is never that of another: one that is reached only later, or that the link has come back to, is asked then.
connection.onOpen(link => link.whenConnected(async () => {
  if (asked.is(link) || connection.current() !== link) return
  const now = asked = new Asked(link)
  const { data } = await request(COMMAND, '', { timeout: LIMIT })
  if (connection.current() === link && now.is(link) && !answered.is(link)) know(link, data)
}))

module.exports = { onPrimordials, primordials }

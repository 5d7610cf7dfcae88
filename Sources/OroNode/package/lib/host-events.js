// SPDX-License-Identifier: Apache-2.0
'use strict'
/** What a host sends without being asked becomes events of the realm. */

const connection = require('./connection.js')
const { CustomEvent, events } = require('./events.js')

/** The event of this name. A push is called `data`, and says what belongs to it. */
function eventOf (name, detail, bytes, headers) {
  if (name === 'data') return new CustomEvent(name, { detail: { params: detail ?? null, data: bytes, headers } })
  const content = detail === undefined && bytes !== null ? bytes : detail ?? null
  return name === 'message' ? new MessageEvent(name, { data: content }) : new CustomEvent(name, { detail: content })
}

const hear = link => link.listen((...event) => { events.dispatchEvent(eventOf(...event)) })

/** Lets the realm's events be those of every host it connects to. */
function hearHosts () {
  connection.onOpen(hear)
  const link = connection.current()
  if (link) hear(link)
}

module.exports = { hearHosts }

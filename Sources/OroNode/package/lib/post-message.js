// SPDX-License-Identifier: Apache-2.0
'use strict'

const { args } = require('./args.js')
const { send } = require('./calls.js')
const connection = require('./connection.js')
const { CustomEvent, events } = require('./events.js')
const { Message } = require('./message.js')
const { findMessageTransfers } = require('./transfers.js')

/** Hands a message to the host's side of a web view, a worker's owner, or a frame's top: where there is one. */
function postToRealm (message, values) {
  const realm = globalThis
  for (const target of [realm.webkit?.messageHandlers?.external, realm.chrome?.webview, realm.external]) {
    if (typeof target?.postMessage === 'function') return { answer: target.postMessage(message, ...values) }
  }
  if (typeof realm.postMessage !== 'function') return null
  if (realm.self && realm.window === undefined) {
    const request = { message, bytes: values[0] ?? null }
    return { answer: realm.postMessage({ __runtime_worker_ipc_request: request }, findMessageTransfers([], values)) }
  }
  return { answer: realm.top?.postMessage(message, ...values) }
}

/** Sends the message to the realm's own host; the answer is an event, as it is in a web view. */
async function postToHost (message) {
  const { seq, index, ...params } = message.params
  const { err, data } = await send(message.command, params, { bytes: message.bytes })
  if (seq === undefined) return
  const detail = err ? { err } : { data, source: message.command }
  events.dispatchEvent(new CustomEvent(`resolve-${args().index || 0}-${seq}`, { detail }))
}

/**
 * Posts a message, normally an `ipc://` URL, and bytes to the host. What the host answers to a message with a `seq` comes as
 * the event `resolve-INDEX-SEQ`.
 * @param {any} message
 * @param {...any} values the bytes
 */
function postMessage (message, ...values) {
  const posted = postToRealm(message, values)
  if (posted) return posted.answer
  if (!connection.isOpen()) throw new TypeError('Could not determine UserMessageHandler.postMessage in globalThis')
  postToHost(Message.from(message, null, values[0]))
}

module.exports = { postMessage }

// SPDX-License-Identifier: Apache-2.0
'use strict'
/**
 * What carries broadcasts: the host, which reaches every client of it and itself, or without a host the platform's channels, which
 * reach the threads of this process.
 *
 * A hub has `subscribe({ name, origin, token }, deliver, miss)`, which answers a subscription with `id`, `origin`, `post(snapshot, origin)`
 * and `close()`. `deliver` gets `{ origin, token, data }` for every message of that name, `miss` how many have been lost.
 */

const { request } = require('./calls.js')
const connection = require('./connection.js')
const { randomId } = require('./ids.js')
const { decodeStructured } = require('./structured-decoder.js')

const hostHub = {
  async subscribe ({ name, origin }, deliver, miss) {
    const port = connection.open().subscribe(name, origin)
    // The host sends what is for this origin, and nobody his own; whose it is it does not say.
    port.onmessage = ({ data }) => deliver({ origin: '*', token: null, data })
    port.addEventListener('missed', ({ data }) => miss(data))
    // Like those who wait for a host's events, who waits for a broadcast does not keep the process alive.
    port.unref()
    // What is asked now is answered when the host has the subscription: nothing that is posted from then on is missed.
    const { err } = await request('ping')
    if (err?.name === 'NetworkError') throw err
    return {
      id: randomId(),
      origin,
      post: (snapshot, to) => port.broadcast(snapshot, to),
      close: () => port.close()
    }
  }
}

/** The platform's channel of a name, which many subscriptions share: it would not reach another of the same thread. */
const channels = new Map()

function channelFor (name) {
  let channel = channels.get(name)
  if (!channel) {
    const platform = new BroadcastChannel(`oro-ipc ${name}`)
    // Like those who wait for a host's events, who waits for a broadcast does not keep the process alive.
    platform.unref()
    channel = { platform, subscribers: new Set() }
    platform.onmessage = ({ data }) => tell(channel, data)
    channels.set(name, channel)
  }
  return channel
}

/** Each gets a message of his own. */
function tell (channel, { origin, token, bytes, buffers }) {
  for (const deliver of channel.subscribers) {
    const data = decodeStructured(Buffer.from(bytes), buffers.map(buffer => buffer.slice(0)), [])
    deliver({ origin, token, data })
  }
}

const localHub = {
  async subscribe ({ name, origin, token }, deliver) {
    const channel = channelFor(name)
    channel.subscribers.add(deliver)
    return {
      id: randomId(),
      origin,
      post ({ bytes, buffers }, to) {
        const message = { origin: to, token, bytes, buffers }
        channel.platform.postMessage(message)
        tell(channel, message)
      },
      close () {
        channel.subscribers.delete(deliver)
        if (channel.subscribers.size > 0) return
        channel.platform.close()
        channels.delete(name)
      }
    }
  }
}

/** The hub of the host, or without one that of this process. */
const hub = async () => await connection.reach() ? hostHub : localHub

module.exports = { hub }

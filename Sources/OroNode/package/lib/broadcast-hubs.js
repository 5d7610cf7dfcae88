'use strict'
/**
 * What carries broadcasts: the host's routes, which reach every client of it, or where there are none the platform's
 * channels, which reach the threads of this process.
 *
 * A hub has `subscribe({ name, origin }, deliver)`, which answers a subscription with `id`, `origin` and `close()`, and
 * `post({ name, origin, token, data })`. `deliver` gets `{ origin, token, data }` for every message of that name.
 */

const { request } = require('./calls.js')
const connection = require('./connection.js')
const { events } = require('./events.js')
const { randomId } = require('./ids.js')

const hostHub = {
  async subscribe ({ name, origin }, deliver) {
    const { err, data } = await request('broadcast_channel.subscribe', { origin, name })
    if (err) throw err
    const hear = ({ detail }) => {
      if (detail?.source !== 'broadcast_channel.subscribe' || detail.data?.subscription?.name !== name) return
      deliver({ origin: detail.data.origin, token: detail.data.message?.token, data: detail.data.message?.data })
    }
    events.addEventListener('broadcastchannelmessage', hear)
    return {
      id: data?.id ?? null,
      origin: data?.origin ?? origin,
      async close () {
        events.removeEventListener('broadcastchannelmessage', hear)
        await request('broadcast_channel.unsubscribe', { id: data?.id })
      }
    }
  },

  async post (message) {
    const { err, data } = await request('broadcast_channel.postMessage', { ...message, data: JSON.stringify(message.data) })
    if (err) throw err
    return data
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

function tell (channel, message) {
  for (const deliver of channel.subscribers) deliver(message)
}

const localHub = {
  async subscribe ({ name, origin }, deliver) {
    const channel = channelFor(name)
    channel.subscribers.add(deliver)
    return {
      id: randomId(),
      origin,
      async close () {
        channel.subscribers.delete(deliver)
        if (channel.subscribers.size > 0) return
        channel.platform.close()
        channels.delete(name)
      }
    }
  },

  async post (message) {
    const channel = channels.get(message.name)
    const platform = channel?.platform ?? new BroadcastChannel(`oro-ipc ${message.name}`)
    platform.postMessage(message)
    if (channel) tell(channel, structuredClone(message))
    else platform.close()
    return message.data
  }
}

/** What `use` gives with the hub of the host, or with that of this process where the host has no such routes. */
async function withHub (use) {
  if (!connection.isOpen()) return use(localHub)
  try {
    return await use(hostHub)
  } catch (error) {
    // The error of an unknown command, and no other, has its URL.
    if (error.name !== 'NotFoundError' || !error.url) throw error
    return use(localHub)
  }
}

module.exports = { withHub }

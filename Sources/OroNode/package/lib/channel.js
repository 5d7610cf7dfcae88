// SPDX-License-Identifier: Apache-2.0
'use strict'

const { randomId } = require('./ids.js')
const { IPCMessagePort, adopt, randomNames } = require('./port.js')

/** Two ports that are each other's other end. */
class IPCMessageChannel extends MessageChannel {
  /**
   * @param {{ id?: string, port1?: object, port2?: object }} [options] what the channel and its ports are called; a port
   * that exists already is taken as it is, with the other end it has
   */
  constructor (options = {}) {
    // The platform's channel, with its two ports, becomes ours: a second pair would be left over.
    const channel = Object.setPrototypeOf(new MessageChannel(), new.target.prototype)
    const end = (port, given) => given instanceof IPCMessagePort ? given : adopt(port, { ...randomNames(), ...given })
    const [port1, port2] = [end(channel.port1, options?.port1), end(channel.port2, options?.port2)]
    Object.defineProperties(channel, {
      id: { value: String(options?.id ?? randomId()) },
      port1: { value: port1, enumerable: true },
      port2: { value: port2, enumerable: true }
    })
    return channel
  }
}

module.exports = { IPCMessageChannel }

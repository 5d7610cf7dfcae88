// SPDX-License-Identifier: Apache-2.0
// A client that talks to other clients: by ports, and by broadcasts.
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import ipc from 'oro:ipc'

const { meet } = await import(pathToFileURL(path.join(process.env.ORO_NODE_PACKAGE, 'index.mjs')))

const port = meet('table')
const news = new ipc.IPCBroadcastChannel('news')

// What comes goes back; a port is used and kept, and one that was promised is given.
port.onmessage = ({ data, ports }) => {
  if (data?.exit) process.exit(3)
  if (data?.make) {
    const { port1, port2 } = new ipc.IPCMessageChannel()
    port1.onmessage = ({ data }) => port1.postMessage(['made', data])
    return port.postMessage({ made: port2 }, [port2])
  }
  if (!ports.length) return port.postMessage(data)
  for (const each of ports) {
    each.onmessage = ({ data }) => each.postMessage(['through', data])
    each.onclose = () => {}
  }
}
port.addEventListener('close', () => process.exit(0))

news.onmessage = ({ data }) => { news.postMessage(['heard', data]) }
await news.startMessages()
console.log('ready')

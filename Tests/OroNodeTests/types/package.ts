// What the package has beyond the published declarations.

/// <reference path="../../../Sources/OroNode/package/index.d.ts" />
import { IPCBroadcastChannel, Message, Result, request, sendSync } from 'oro-ipc/ipc'
import { connect, disconnect, errors, events } from 'oro-ipc'

const link = connect({ name: 'demo', folder: '/tmp/x', copy: true })
link.onend = reason => console.log(reason.length)
link.ref()
link.unref()
console.log(link.pending, link.ending, link.statistics.loans)
events.addEventListener('tick', event => console.log(event.type))
const bytes: Uint8Array = sendSync('read', undefined, { timeout: true }).data
const raw: { [key: string]: string } = new Message('ipc://a', bytes).rawParams
const result: Result = new Result('1', new errors['TimeoutError']('late'))
void request('a', 1n, { timeout: 5 })
new IPCBroadcastChannel('a').close()
console.log(raw, result[0])
link.close()
disconnect()

// What the package has beyond the published declarations.

/// <reference path="../../../Sources/OroNode/package/index.d.ts" />
import { IPCBroadcastChannel, Message, Result, request, sendSync, write } from 'oro-ipc/ipc'
import { IPCEventSource, connect, disconnect, errors, events, fetchIPC, stream } from 'oro-ipc'
import { Host, Reply } from 'oro-ipc/host'

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

interface Stat { size: number }

declare module 'oro:ipc' {
  interface Commands {
    'fs.stat': { value: { path: string }, data: Stat }
    'logs.tail': { value: { lines: number }, data: string }
    'now': { data: number }
  }
}

async function typed(): Promise<void> {
  const { data } = await request('fs.stat', { path: 'notes.txt' }, { timeout: 5 })
  const size: number = data.size
  const now: number = (await request('now')).data + sendSync('now').data
  const given: Result<Stat> = await request<Stat>('other', { a: 1 })
  for await (const event of stream('logs.tail', { lines: 10 }, { window: 4 })) console.log(event.data.length, event.name?.length)
  for await (const event of stream<Stat>('other')) console.log(event.data.size)
  const { data: body } = await request('fs.read', { path: 'x' }, { responseType: 'stream' })
  const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader()
  const response: Response = await fetchIPC('ipc://logs.tail?lines=10', { method: 'POST', body: new FormData(), signal: new AbortController().signal })
  const source = new IPCEventSource('ipc://logs.tail')
  source.onmessage = event => console.log(event.data.length)
  source.close()
  console.log(size, now, given.data.size, reader, response.status)
  await write('frame', { width: 640 }, new Blob([]))
  await write('frame', { width: 640 }, new ReadableStream<Uint8Array>())
  const host = new Host('demo')
  host.map('fs.stat', ({ value }) => ({ size: value.path.length }))
  host.map('logs.tail', async function * ({ value }) { yield value.lines })
  host.map<{ path: string }>('read', ({ value, takesStream }) => takesStream ? new Response(value.path) : new Reply({ bytes: value.path }))
}
void typed()

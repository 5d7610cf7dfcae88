// A program that uses all of `oro:ipc`. It must compile against the package's declarations and against the published ones.

import ipc, {
  ERROR, Headers, IPCBroadcastChannel, IPCMessageChannel, IPCMessagePort, IPCSearchParams, Message, OK, Result, TIMEOUT,
  createBinding, debug, emit, findIPCMessageTransfers, findMessageTransfers, inflateIPCMessageTransfers, kDebugEnabled,
  maybeMakeError, parseSeq, postMessage, primordials, ready, request, resolve, send, sendSync, write
} from 'oro:ipc'

async function calls(signal: AbortSignal): Promise<void> {
  await ready()
  const pong: Result = sendSync('ping')
  const { err, data } = pong
  const [first] = pong
  if (err) throw err
  console.log(first, data, pong.length, pong.toJSON().err?.code)
  sendSync('a', { b: 1 }, { cache: true }, new Uint8Array(1))
  sendSync('a', { b: 1 }, 'body')
  await send('a', [1, 2], { cache: false, bytes: 'bytes', useExtensionIPCIfAvailable: false })
  const answer = await request('a', { b: 1 }, { timeout: TIMEOUT, signal, responseType: 'arraybuffer', cache: true })
  const written = await write('a', { b: 1 }, new Uint8Array(4), { timeout: 5, signal, responseType: 'text' })
  console.log(answer.headers?.length, written.source, ipc.OK === OK, ERROR)
  await emit('name', { a: 1 }, new EventTarget(), { cancelable: true })
  await resolve('R1', { data: 1 })
  postMessage('ipc://a', new Uint8Array(1))
  const fs: any = createBinding('fs', { default: 'request' })
  await fs.stat('/tmp')
}

function values(): void {
  const message: Message = Message.from('a', { b: 1 }, 'bytes')
  const url: URL = message
  console.log(url.href, message.command, message.name, message.id, message.seq, message.value, message.index, message.json)
  console.log(message.params, message.entries(), message.keys(), message.values(), message.bytes?.length)
  message.set('a', 1)
  const isGone: boolean = message.delete('a')
  console.log(isGone, message.get('a', 5), message.has('a'), Message.PROTOCOL, Message.isValidInput('x'))
  const headers: globalThis.Headers = Headers.from({ a: 'b' })
  console.log(headers.get('a'), Headers.from('a: b').toJSON()['a'])
  const params: URLSearchParams = new IPCSearchParams({ a: 1 }, 5)
  const number: number | bigint = parseSeq('R1', { bigint: true })
  const isOn: boolean = debug(true) && debug.enabled
  debug.log(params, number, isOn, kDebugEnabled, primordials.platform)
  console.log(Result.from({ data: 1 }).data, maybeMakeError({ message: 'm' }, values))
  console.log(findMessageTransfers([], {}), findIPCMessageTransfers(new Set(), {}), inflateIPCMessageTransfers({}, new Map()))
}

function conversations(): void {
  const { port1 } = new IPCMessageChannel({ id: '5' })
  const channel: MessageChannel = new IPCMessageChannel()
  const port: IPCMessagePort = IPCMessagePort.create({ id: '5', rx: '1', tx: '2', transferred: false })
  const platform: MessagePort = IPCMessagePort.transfer(IPCMessagePort.from())
  port.onmessage = (event: MessageEvent) => console.log(event.data)
  port.postMessage({ port1 }, [port1])
  port.postMessage(1, { transfer: [] })
  port.start()
  port.close()
  console.log(channel.port1, platform, port.id, port.started, port.closed, IPCMessagePort.ports.size)
  const broadcast = new IPCBroadcastChannel('name', { origin: '*' })
  broadcast.addEventListener('message', (event: MessageEvent) => console.log(event.data), { once: true })
  broadcast.onmessage = (event: MessageEvent) => console.log(event.data)
  void broadcast.postMessage({ a: 1 }, { origin: '*' }).then(() => broadcast.startMessages())
  console.log(broadcast.name, broadcast.origin, broadcast.key, broadcast.token, IPCBroadcastChannel.subscriptions.size)
}

void calls(new AbortController().signal).then(values).then(conversations)

// SPDX-License-Identifier: Apache-2.0
'use strict'
/** What pages of a web view do: `fetch` of an `ipc://` URL, and an EventSource of one. */

const { bodyLater, bodyNow, isLater, isPumped, withType } = require('./bodies.js')
const { ErrorEvent, setHandler } = require('./events.js')
const { Headers, flatHeaders } = require('./headers.js')
const { Message } = require('./message.js')
const { CommandStream } = require('./stream.js')
const { byteStream, formOf, jsonOf } = require('./stream-body.js')

const JSON_TYPE = 'application/json'

/** What an envelope says of an error. */
function describe ({ name, message, code, url, type }) {
  return { type: type ?? name, message, ...(code === undefined ? {} : { code }), ...(url === undefined ? {} : { url }) }
}

/** A response of one envelope. */
function envelope (source, content, status, headers = null) {
  const given = new globalThis.Headers(headers ?? {})
  given.set('content-type', JSON_TYPE)
  return new Response(JSON.stringify({ source, ...content }, jsonOf), { status, headers: given })
}

/** The response of an error that came before anything else; what is none of the host's answers is thrown, as `fetch` throws it. */
function responseOfError (error, command, url) {
  if (error.name === 'NetworkError') throw new TypeError('fetch failed', { cause: error })
  const isUnknown = error.name === 'NotFoundError' && typeof error.url === 'string' && error.url.startsWith(`ipc://${command}`)
  const status = isUnknown ? 404 : error.name === 'TimeoutError' ? 504 : 200
  return envelope(command, { err: { ...describe(error), ...(isUnknown ? { url } : {}) } }, status)
}

/** The status that a host has sent as a header. */
function statusOf (headers) {
  const [, digits, text] = /^([2-5]\d\d)(?: (.*))?$/.exec(headers.get('status') ?? '') ?? []
  headers.delete('status')
  return { status: digits ? Number(digits) : 200, statusText: text ?? '' }
}

const NO_BODY = new Set([204, 205, 304])

/**
 * Asks for the command of an `ipc://` URL, whose query are its parameters, and gives what `fetch` gives: a Response, as soon as its head
 * is there, whose body comes as the host sends it. A value is a body of JSON, an envelope `{ source, data }`, an error `{ source, err }`; events are
 * an event stream, values that come one after another a line of JSON each.
 * @param {string | URL | Request} input
 * @param {{ method?: string, body?: any, headers?: any, signal?: AbortSignal, timeout?: number, window?: number }} [init] `timeout`, `window`: as
 *   of `stream`
 * @returns {Promise<Response>} rejected as `fetch` is: with the signal's reason, and with a TypeError where no host is reached
 */
async function fetchIPC (input, init = {}) {
  init ??= {}
  const isRequest = typeof Request === 'function' && input instanceof Request
  const url = String(isRequest ? input.url : input)
  if (!/^ipc:/i.test(url)) throw new TypeError(`fetchIPC() takes an ipc:// URL, not '${url}'`)
  const message = Message.from(url)
  const command = message.command.replace(/\/+$/, '')
  const method = String(init.method ?? (isRequest ? input.method : 'GET')).toUpperCase()
  const body = init.body ?? (isRequest ? input.body : null)
  if (body !== null && (method === 'GET' || method === 'HEAD')) throw new TypeError('Request with GET/HEAD method cannot have body.')
  const signal = init.signal ?? (isRequest ? input.signal : null)
  signal?.throwIfAborted()

  const { bytes, type } = isPumped(body, init) ? { bytes: body, type: null } : isLater(body) ? await bodyLater(body, signal) : bodyNow(body)
  const headers = withType(flatHeaders(init.headers ?? (isRequest ? input.headers : null)), type)
  const pairs = headers && headers.flatMap((name, index) => index % 2 ? [] : [[name, headers[index + 1]]])
  const params = [...message.searchParams].length === 0 ? undefined : message.params
  const stream = new CommandStream(command, params, { bytes, headers: pairs, timeout: init.timeout, signal, window: init.window ?? 16, duplex: init.duplex })
  try {
    const response = await respond(stream, command, signal)
    if (method !== 'HEAD') return response
    // The head alone.
    await response.body?.cancel()
    const { status, statusText, headers: given } = response
    return new Response(null, { status, statusText, headers: given })
  } catch (error) {
    stream.cancel()
    if (signal?.aborted) throw signal.reason
    return responseOfError(error, command, url)
  }
}

async function respond (stream, command, signal) {
  const given = await stream.headers
  const head = given ?? new Headers()
  const { status, statusText } = statusOf(head)
  // A head that has come before its body is enough.
  if (head.has('content-type')) return made(stream, [], formOfType(head.get('content-type')), head, status, statusText, signal)
  const first = await stream.next()
  if (first.done) return made(null, [], null, head, status, statusText)
  const isValue = first.value.name === null && first.value.value !== undefined && first.value.bytes === null
  const read = [first.value]
  if (isValue) {
    // One value is a result, several are lines.
    const next = await stream.next()
    if (next.done) return envelope(command, { data: first.value.value }, status, head)
    read.push(next.value)
  }
  const form = formOf(first.value)
  head.set('content-type', form.type)
  if (form.type.startsWith('text/event-stream')) head.set('cache-control', 'no-store')
  return made(stream, read, form, head, status, statusText, signal)
}

/** Bytes are bytes, whatever their type says; events are written where one is an event stream. */
const formOfType = type => formOf({ name: /^text\/event-stream\b/i.test(type) ? 'event' : null, value: undefined })

function made (stream, read, form, headers, status, statusText, signal = null) {
  if (NO_BODY.has(status)) stream?.cancel()
  const body = stream && !NO_BODY.has(status) ? byteStream(stream, read, form, signal) : null
  return new Response(body, { status, statusText, headers: [...headers] })
}

const CONNECTING = 0
const OPEN = 1
const CLOSED = 2

/** Milliseconds before a stream that has ended is asked for again. */
const RETRY = 3000

/** Events of an `ipc://` URL, as the platform's EventSource has them: when the stream ends it is asked for again, until `close()`. */
class IPCEventSource extends EventTarget {
  static CONNECTING = CONNECTING
  static OPEN = OPEN
  static CLOSED = CLOSED

  #url
  #state = CONNECTING
  #controller = new AbortController()
  #retry = RETRY
  #timer = null
  #handlers = { open: null, message: null, error: null }

  /** @param {string | URL} url */
  constructor (url, { withCredentials = false } = {}) {
    super()
    if (!/^ipc:/i.test(String(url))) throw new DOMException(`'${String(url)}' is no ipc:// URL`, 'SyntaxError')
    this.#url = new URL(String(url)).href
    this.withCredentials = Boolean(withCredentials)
    // Whoever makes one adds listeners first.
    queueMicrotask(() => this.#connect())
  }

  get CONNECTING () { return CONNECTING }
  get OPEN () { return OPEN }
  get CLOSED () { return CLOSED }
  get url () { return this.#url }
  get readyState () { return this.#state }

  get onopen () { return this.#handlers.open }
  set onopen (handler) { setHandler(this, this.#handlers, 'open', handler) }
  get onmessage () { return this.#handlers.message }
  set onmessage (handler) { setHandler(this, this.#handlers, 'message', handler) }
  get onerror () { return this.#handlers.error }
  set onerror (handler) { setHandler(this, this.#handlers, 'error', handler) }

  /** Ends the stream, and asks for it no more. */
  close () {
    this.#state = CLOSED
    clearTimeout(this.#timer)
    this.#controller.abort()
  }

  async #connect () {
    if (this.#state === CLOSED) return
    let error = null
    try {
      const response = await fetchIPC(this.#url, { headers: { accept: 'text/event-stream' }, signal: this.#controller.signal })
      const type = response.headers.get('content-type') ?? ''
      if (response.status !== 200 || !/^text\/event-stream\b/i.test(type)) {
        await response.body?.cancel()
        return this.#fail(new TypeError(`'${this.#url}' answers with ${response.status} ${type}, and not with an event stream`))
      }
      if (this.#state === CLOSED) return
      this.#state = OPEN
      this.dispatchEvent(new Event('open'))
      await this.#read(response.body)
    } catch (thrown) {
      error = thrown
    }
    if (this.#state === CLOSED) return
    this.#state = CONNECTING
    this.dispatchEvent(new ErrorEvent('error', { error }))
    if (this.#state !== CLOSED) this.#timer = setTimeout(() => this.#connect(), this.#retry)
  }

  /** It is over, and asking again would not help. */
  #fail (error) {
    if (this.#state === CLOSED) return
    this.#state = CLOSED
    this.dispatchEvent(new ErrorEvent('error', { error }))
  }

  async #read (body) {
    const lines = new EventLines(event => this.#hear(event), retry => { this.#retry = retry })
    const decoder = new TextDecoder()
    for await (const bytes of body) lines.add(decoder.decode(bytes, { stream: true }))
  }

  #hear ({ type, data, id }) {
    if (this.#state === CLOSED) return
    this.dispatchEvent(new MessageEvent(type, { data, lastEventId: id, origin: new URL(this.#url).origin }))
  }
}

/** The events of an event stream's text. */
class EventLines {
  #rest = ''
  #type = ''
  #data = []
  #id = ''

  constructor (hear, retry) {
    this.hear = hear
    this.retry = retry
  }

  add (text) {
    // A carriage return at the end may be half of a line's end.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/)
    this.#rest = lines.pop()
    for (const line of lines) this.#line(line)
  }

  #line (line) {
    if (line === '') return this.#event()
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)
    if (field === 'event') this.#type = value
    else if (field === 'data') this.#data.push(value)
    else if (field === 'id' && !value.includes('\0')) this.#id = value
    else if (field === 'retry' && /^\d+$/.test(value)) this.retry(Number(value))
  }

  #event () {
    const [type, data] = [this.#type || 'message', this.#data]
    this.#type = ''
    this.#data = []
    if (data.length > 0) this.hear({ type, data: data.join('\n'), id: this.#id })
  }
}

module.exports = { IPCEventSource, fetchIPC }

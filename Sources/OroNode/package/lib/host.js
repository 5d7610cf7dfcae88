// SPDX-License-Identifier: Apache-2.0
'use strict'
/** Hosts: commands that a Node program answers. */

const { bodyBytes, buffersOf, viewBytes } = require('./bytes.js')
const { problemOf } = require('./call-options.js')
const { Source, bodyLater, isLater, isStreaming, withType } = require('./bodies.js')
const { Headers, flatHeaders } = require('./headers.js')
const { types } = require('node:util')
const { errorOf, isBufferLike } = require('./kinds.js')
const { native } = require('./native.js')
const ownHosts = require('./own-hosts.js')
const { AbortError, NetworkError } = require('./errors.js')
const { maybeMakeError } = require('./make-error.js')
const { Records } = require('./records.js')
const { PortTable } = require('./remote-port.js')
const { Result } = require('./result.js')
const { encodeValue, encoded } = require('./value-encoder.js')

/** An answer with data, bytes and headers, or a chunk of one. What a handler returns otherwise is data or bytes alone. */
class Reply {
  /** @param {{ event?: string, data?: any, bytes?: any, headers?: any }} parts `event`: what a chunk of a stream is called */
  constructor ({ event = null, data = undefined, bytes = null, headers = null }) {
    this.event = event
    this.data = data
    this.bytes = bytes
    this.headers = headers
  }
}

/** Chunks of a body that are fetched before anybody wants them. */
const AHEAD = 8

/** The body of a request that follows it in chunks. The client sends nothing before it is read. */
class RequestBody {
  #host
  #slot
  #stream = null
  #controller = null
  #asked = 0
  #isOver = false

  constructor (host, slot) {
    this.#host = host
    this.#slot = slot
  }

  get stream () {
    if (this.#stream) return this.#stream
    this.#stream = new ReadableStream({
      start: controller => { this.#controller = controller },
      pull: () => this.#ask(),
      cancel: () => { this.#isOver = true }
    }, { highWaterMark: AHEAD })
    if (this.#isOver) this.#controller.error(new AbortError('the request is over'))
    else native().hostBody(this.#host, this.#slot)
    return this.#stream
  }

  #ask () {
    const missing = this.#controller.desiredSize - this.#asked
    if (this.#isOver || missing <= 0) return
    this.#asked += missing
    native().hostTake(this.#host, this.#slot, missing)
  }

  take ({ bytes, failed, value }, isEnd) {
    this.#asked -= 1
    if (this.#isOver) return
    if (isEnd) return this.end(failed ? maybeMakeError(value) : null)
    if (bytes !== null) this.#controller.enqueue(bytes)
    this.#ask()
  }

  /** Nothing more comes. */
  end (error) {
    if (this.#isOver) return
    this.#isOver = true
    if (error) this.#controller?.error(error)
    else this.#controller?.close()
  }
}

/** A command as a handler receives it. */
class Request {
  #host
  #slot
  #about = null
  #controller = null
  #headers

  #body = null

  constructor (host, slot, value, bytes, headers, takesStream = false, hasBody = false) {
    this.#host = host
    if (hasBody) this.#body = new RequestBody(host, slot)
    /** Whether whoever asked takes an answer in chunks. */
    this.takesStream = takesStream
    this.#slot = slot
    this.#headers = headers
    /** What was sent: an object of parameters, or any other value; `undefined` for none. */
    this.value = value
    /** The bytes that came along, or `null`. */
    this.bytes = bytes
  }

  /** A body that follows in chunks: a stream of its bytes, which the client sends as it is read; `null` for none. */
  get body () { return this.#body && this.#body.stream }

  /** @internal A chunk of the body, or its end. */
  takeBody (record, isEnd) { this.#body?.take(record, isEnd) }

  /** The headers that came along. */
  get headers () {
    if (!(this.#headers instanceof Headers)) this.#headers = Headers.from(this.#headers)
    return this.#headers
  }

  get #description () { return (this.#about ??= native().hostDescribe(this.#host, this.#slot)) }

  /** The command. To be asked for before it is answered, like `seq` and `client`. */
  get name () { return this.#description[0] }
  /** The client's number for the request, in decimal. */
  get seq () { return this.#description[1] }
  /** The number of the client, for `emit`. */
  get client () { return this.#description[2] }

  /** Aborted when the client gives the request up, its time is over, or it goes away. */
  get signal () {
    if (!this.#controller) {
      this.#controller = new AbortController()
      native().hostWatch(this.#host, this.#slot)
    }
    return this.#controller.signal
  }

  /** @internal It is answered: nobody reads its body any more. */
  over () { this.#body?.end(new AbortError('the request is over')) }

  /** @internal */
  cancel () {
    this.#body?.end(new AbortError('nobody waits for the answer any more'))
    this.#controller?.abort()
  }
}

/** What a handler's answer consists of. */
function partsOf (answer) {
  if (answer instanceof Result) {
    const { err, headers } = answer
    return err ? { failed: true, value: err, bytes: null, headers } : { ...partsOf(answer.data), headers }
  }
  if (answer instanceof Reply) {
    return { failed: false, name: answer.event, value: answer.data, bytes: viewBytes(answer.bytes), headers: answer.headers }
  }
  if (answer instanceof URLSearchParams) return { failed: false, value: undefined, bytes: Buffer.from(String(answer)), headers: { 'content-type': FORM } }
  if (isBufferLike(answer)) return { failed: false, value: undefined, bytes: viewBytes(answer) }
  return { failed: false, value: answer, bytes: null }
}

const FORM = 'application/x-www-form-urlencoded;charset=UTF-8'

/** What an answer streams, where it is one that is waited for: a stream, a generator, a Blob, a Response, or a Reply or Result of one. */
function streamOf (answer) {
  if (answer === null || typeof answer !== 'object') return null
  // Most are plain, and need not be asked what else they could be.
  const prototype = Object.getPrototypeOf(answer)
  if ((prototype === Object.prototype && answer[Symbol.asyncIterator] === undefined) || prototype === Array.prototype) return null
  if (answer instanceof Reply) return isLater(answer.bytes) ? { of: answer.bytes, headers: answer.headers } : null
  if (answer instanceof Result) return !answer.err && isLater(answer.data) ? { of: answer.data, headers: answer.headers } : null
  if (!isLater(answer)) return null
  return { of: answer, headers: answer instanceof Response ? headersOf(answer) : null }
}

/** A Response's headers, with its status where that is not the usual one: it has no other place. */
function headersOf (response) {
  if (response.type === 'error') throw new NetworkError('the handler has answered with a network error')
  const headers = Headers.from(response.headers)
  if (response.status !== 200) headers.set('status', `${response.status} ${response.statusText}`.trim())
  return headers
}

/** The last word on a request whose handler's answer, and the error that came of it, could not be sent. */
const unsendable = () => ({ failed: true, value: new Error('the handler\'s answer cannot be sent'), bytes: null })

/** What can be iterated, and is neither a stream of the platform's nor one of bytes of Node's. */
const isOfValues = of => isStreaming(of) && !(of instanceof ReadableStream) && !(typeof of.pipe === 'function' && of.readableObjectMode !== true)

/** The chunks of what is streamed, and what it says they are. */
function chunksOf (of) {
  if (isStreaming(of)) return { chunks: of, type: null }
  if (of instanceof Blob) return { chunks: of.stream(), type: of.type || null }
  const { body, headers } = of instanceof Response ? of : new Response(of)
  return { chunks: body ?? new Blob([]).stream(), type: headers.get('content-type') }
}

/** Throws a TypeError for what can be no host. */
function checkHost (name, { folder }) {
  if (name !== null && typeof name !== 'string') throw new TypeError(`the name of a host is a text, or null for none, not ${typeof name}`)
  ownHosts.checkFolder(folder)
}

/** Does `work`; what the library says of an argument that cannot be is a TypeError. */
function argument (work) {
  try {
    return work()
  } catch (error) {
    if (error.status !== 'OROIPC_INVALID') throw error
    throw Object.assign(new TypeError(error.message, { cause: error }), { status: error.status })
  }
}

/** Answers commands of other processes, under a name. */
class Host {
  #host
  #records = new Records()
  #routes = []
  /** By slot: the requests that wait for their answer, and what waits for room in a stream. */
  #requests = new Map()
  #rooms = new Map()
  #ports
  #name
  #folder
  #isClosed = false

  /**
   * @param {string | null} [name] what clients connect to; `null`: none, for `makePeer`
   * @param {{ folder?: string, copy?: boolean, readOnly?: boolean }} [options]
   */
  constructor (name = null, options = {}) {
    options ??= {}
    checkHost(name, options)
    try {
      this.#host = native().hostOpen(
        name, options.folder ?? null, buffersOf(options), this.#records.numbers, this.#records.inbox,
        (count, extras) => this.#deliver(count, extras), (slot, hasRoom) => this.#tell(slot, hasRoom),
        (...told) => this.#ports.hear(...told), (slot, isEnd, extras) => this.#hearBody(slot, isEnd, extras))
    } catch (cause) {
      if (!cause.status) throw cause
      throw Object.assign(new NetworkError(cause.message, { cause }), { status: cause.status })
    }
    this.#name = name
    this.#folder = options.folder
    ownHosts.add(name, options.folder)
    // An open host keeps the process alive anyway.
    this.#ports = new PortTable(this.#host, () => {}, { isHosts: true })
  }

  /**
   * Takes conversations that clients open under this name: `accept` gets the other end, and the number of the client. A later one takes
   * the place of an earlier one, `null` takes none any more.
   * @param {string} name
   * @param {((port: IPCMessagePort, client: bigint) => void) | null} accept
   * @returns {this}
   */
  acceptPorts (name, accept) {
    this.#ports.accept(name, accept)
    return this
  }

  /**
   * Answers a command with what `handler` returns, or what its promise becomes: bytes for a Buffer, otherwise data; a
   * Reply has both and headers, a Result data or an error, and headers. What it throws is the error. A generator, a stream of the platform's or of
   * Node's, a Blob, FormData and a Response are streamed: what they give are chunks, bytes or values.
   * @param {string} name
   * @param {(request: Request) => any} handler
   * @returns {this}
   */
  map (name, handler) {
    const problem = problemOf(name)
    if (problem) throw problem
    if (typeof handler !== 'function') throw new TypeError(`the handler of '${name}' is no function`)
    const tag = this.#routes.push({ handler, name }) - 1
    argument(() => native().hostMap(this.#host, name, tag))
    return this
  }

  /** Answers a command no more. */
  unmap (name) {
    const problem = problemOf(name)
    if (problem) throw problem
    argument(() => native().hostUnmap(this.#host, name))
    return this
  }

  /**
   * Sends an event to all clients that listen, or to one.
   * @param {string} name
   * @param {any} [value]
   * @param {{ to?: bigint, bytes?: any }} [options] `to`: the `client` of a request
   */
  emit (name, value = undefined, { to = 0n, bytes = null } = {}) {
    if (typeof name !== 'string' || name === '') throw new TypeError('an event has a name, a text that is not empty')
    if (typeof to !== 'bigint') throw new TypeError(`the option 'to' of the event '${name}' is the \`client\` of a request, a bigint`)
    // Before the value: what has bytes may have code of its own.
    const body = bodyBytes(bytes)
    const size = encodeValue(value)
    native().hostEmit(this.#host, to, name, encoded(), size, body)
  }

  /** One end of a new connection to this host, for a child process: a descriptor that the caller owns. */
  makePeer () {
    const fd = native().hostPeer(this.#host)
    ownHosts.addSocket(fd)
    return fd
  }

  /** Keeps the process alive as long as the host is open: how it is at first. */
  ref () { native().hostKeep(this.#host, true) }

  /** Does not keep the process alive. */
  unref () { native().hostKeep(this.#host, false) }

  /** Ends all links, and gives the name free. Requests that wait, and streams, fail at their clients with a NetworkError. */
  close () {
    if (this.#isClosed) return
    this.#isClosed = true
    ownHosts.remove(this.#name, this.#folder)
    for (const [slot, request] of this.#requests) {
      // Whoever waits is told why; the names of requests are known until they are answered.
      try {
        this.#reply(slot, { failed: true, value: new NetworkError(`the host was closed before '${request.name}' was answered`), bytes: null })
      } catch {
        // Its client is gone.
      }
      request.cancel()
    }
    this.#requests.clear()
    this.#ports.end()
    native().hostClose(this.#host)
    for (const goOn of this.#rooms.values()) goOn()
  }

  #hearBody (slot, isEnd, extras) {
    this.#records.begin(extras)
    const record = this.#records.take()
    this.#requests.get(slot)?.takeBody(record, isEnd)
  }

  #deliver (count, extras) {
    const arrived = []
    this.#records.begin(extras)
    for (let i = 0; i < count; i++) arrived.push(this.#records.take())
    for (const { slot, tag, value, bytes, headers, takesStream, hasBody, problem } of arrived) {
      // A handler before may have closed the host.
      if (this.#isClosed) return
      const request = new Request(this.#host, slot, value, bytes, headers, takesStream, hasBody)
      this.#requests.set(slot, request)
      if (problem) this.#answer(slot, new Result(null, problem))
      else this.#run(slot, request, this.#routes[tag])
    }
  }

  #run (slot, request, { handler, name }) {
    let answer, then
    const go = value => this.#give(slot, request, name, value)
    try {
      answer = handler(request)
      then = answer?.then
    } catch (thrown) {
      return this.#fail(slot, thrown)
    }
    if (typeof then !== 'function') return go(answer)
    // A promise of the platform's keeps its word; whatever else has a `then` is made one.
    const isPlatforms = types.isPromise(answer) && then === Promise.prototype.then
    const promise = isPlatforms ? answer : new Promise((resolve, reject) => { Reflect.apply(then, answer, [resolve, reject]) })
    Reflect.apply(Promise.prototype.then, promise, [go, thrown => this.#fail(slot, thrown)])
  }

  /** Answers with what a handler has come to: at once, or chunk by chunk. */
  #give (slot, request, name, answer) {
    let streamed
    try {
      streamed = streamOf(answer)
    } catch (thrown) {
      return this.#fail(slot, thrown)
    }
    if (!streamed && !request.takesStream) return this.#answer(slot, answer)
    const sending = !streamed ? this.#sendOne(slot, answer)
      : request.takesStream ? this.#stream(slot, request, streamed) : this.#collect(slot, request, name, streamed)
    sending.catch(thrown => this.#fail(slot, thrown))
  }

  #fail (slot, thrown) { this.#answer(slot, new Result(null, errorOf(thrown))) }

  /** Sends the answer; what of it cannot be sent, whatever the reason, is told to the client that waits. */
  #answer (slot, answer) {
    const request = this.#requests.get(slot)
    if (!this.#requests.delete(slot)) return
    request.over()
    const attempts = [() => partsOf(answer), problem => ({ failed: true, value: errorOf(problem), bytes: null }), unsendable]
    let problem
    for (const parts of attempts) {
      // The code of an answer's own getters may have closed the host.
      if (this.#isClosed) return
      try {
        return this.#reply(slot, parts(problem))
      } catch (thrown) {
        problem = thrown
      }
    }
  }

  #reply (slot, { failed, value, bytes, headers }) {
    const flat = flatHeaders(headers)
    const size = encodeValue(value)
    native().hostReply(this.#host, slot, failed, encoded(), size, bytes, flat)
  }

  /** Whoever takes a stream gets an answer that is none as its only chunk. */
  async #sendOne (slot, answer) {
    const parts = partsOf(answer)
    if (parts.failed) return this.#answer(slot, answer)
    const hasParts = parts.value !== undefined || parts.bytes !== null || flatHeaders(parts.headers)
    if (hasParts) await this.#send(slot, parts)
    this.#answer(slot, undefined)
  }

  /** Whoever takes no stream gets all bytes of one together. */
  async #collect (slot, request, name, { of, headers }) {
    if (types.isGeneratorObject(of) || isOfValues(of)) {
      new Source(of).cancel()
      throw new TypeError(`IPC method '${name}' must be invoked as a stream`)
    }
    const { bytes, type } = await bodyLater(of, request.signal)
    const given = Headers.from(headers ?? {})
    if (type && !given.has('content-type')) given.set('content-type', type)
    this.#answer(slot, new Reply({ bytes, headers: given }))
  }

  async #stream (slot, request, { of, headers }) {
    const { chunks, type } = chunksOf(of)
    const source = new Source(chunks)
    const giveUp = () => source.cancel(request.signal.reason)
    request.signal.addEventListener('abort', giveUp, { once: true })
    try {
      // Before the first chunk, however long that takes.
      const head = withType(flatHeaders(headers), type)
      if (head && !await this.#send(slot, { value: undefined, bytes: null, headers: head })) giveUp()
      while (this.#requests.has(slot) && !request.signal.aborted) {
        const { done, value } = await source.next()
        if (done) break
        if (!await this.#send(slot, partsOf(value))) giveUp()
      }
    } catch (thrown) {
      source.cancel(thrown)
      throw thrown
    } finally {
      request.signal.removeEventListener('abort', giveUp)
    }
    this.#answer(slot, undefined)
  }

  /** Sends a chunk, as soon as the client takes it; false when nobody reads any more. */
  async #send (slot, { failed, name = null, value, bytes, headers }) {
    if (failed) throw value
    // Of the first chunk alone, and only once.
    let head = Array.isArray(headers) ? headers : flatHeaders(headers)
    while (this.#requests.has(slot)) {
      const size = encodeValue(value)
      const outcome = native().hostChunk(this.#host, slot, name, encoded(), size, bytes, head)
      if (outcome !== 0) return outcome > 0
      head = null
      await new Promise(resolve => this.#rooms.set(slot, resolve))
      this.#rooms.delete(slot)
    }
    return false
  }

  #tell (slot, hasRoom) {
    if (hasRoom) this.#rooms.get(slot)?.()
    else this.#requests.get(slot)?.cancel()
  }
}

module.exports = { Host, Reply, Request, Result }

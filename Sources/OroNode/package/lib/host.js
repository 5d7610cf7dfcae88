// SPDX-License-Identifier: Apache-2.0
'use strict'
/** Hosts: commands that a Node program answers. */

const { viewBytes } = require('./bytes.js')
const { Headers, flatHeaders } = require('./headers.js')
const { types } = require('node:util')
const { errorOf, isBufferLike } = require('./kinds.js')
const { native } = require('./native.js')
const { NetworkError } = require('./errors.js')
const { Records } = require('./records.js')
const { PortTable } = require('./remote-port.js')
const { Result } = require('./result.js')
const { encodeValue, encoded } = require('./value-encoder.js')

/** An answer with data, bytes and headers. What a handler returns otherwise is data or bytes alone. */
class Reply {
  /** @param {{ data?: any, bytes?: any, headers?: any }} parts */
  constructor ({ data = undefined, bytes = null, headers = null }) {
    this.data = data
    this.bytes = bytes
    this.headers = headers
  }
}

/** A command as a handler receives it. */
class Request {
  #host
  #slot
  #about = null
  #controller = null
  #headers

  constructor (host, slot, value, bytes, headers) {
    this.#host = host
    this.#slot = slot
    this.#headers = headers
    /** What was sent: an object of parameters, or any other value; `undefined` for none. */
    this.value = value
    /** The bytes that came along, or `null`. */
    this.bytes = bytes
  }

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

  /** @internal */
  cancel () { this.#controller?.abort() }
}

/** What a handler's answer consists of. */
function partsOf (answer) {
  if (answer instanceof Result) {
    const { err, headers } = answer
    return err ? { failed: true, value: err, bytes: null, headers } : { ...partsOf(answer.data), headers }
  }
  if (answer instanceof Reply) {
    return { failed: false, value: answer.data, bytes: viewBytes(answer.bytes), headers: answer.headers }
  }
  if (isBufferLike(answer)) return { failed: false, value: undefined, bytes: viewBytes(answer) }
  return { failed: false, value: answer, bytes: null }
}

/** The last word on a request whose handler's answer, and the error that came of it, could not be sent. */
const unsendable = () => ({ failed: true, value: new Error('the handler\'s answer cannot be sent'), bytes: null })

/** Answers commands of other processes, under a name. */
class Host {
  #host
  #records = new Records()
  #routes = []
  /** By slot: the requests that wait for their answer, and what waits for room in a stream. */
  #requests = new Map()
  #rooms = new Map()
  #ports
  #isClosed = false

  /**
   * @param {string | null} [name] what clients connect to; `null`: none, for `makePeer`
   * @param {{ folder?: string, copy?: boolean }} [options]
   */
  constructor (name = null, options = {}) {
    try {
      this.#host = native().hostOpen(
        name, options.folder ?? null, Boolean(options.copy), this.#records.numbers, this.#records.inbox,
        (count, extras) => this.#deliver(count, extras), (slot, hasRoom) => this.#tell(slot, hasRoom),
        (...told) => this.#ports.hear(...told))
    } catch (cause) {
      if (!cause.status) throw cause
      throw Object.assign(new NetworkError(cause.message, { cause }), { status: cause.status })
    }
    // An open host keeps the process alive anyway.
    this.#ports = new PortTable(this.#host, () => {}, true)
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
   * Reply has both and headers, a Result data or an error, and headers. What it throws is the error. An asynchronous generator answers with a stream: what it
   * yields are chunks, bytes or values.
   * @param {string} name
   * @param {(request: Request) => any} handler
   * @returns {this}
   */
  map (name, handler) {
    if (typeof handler !== 'function') throw new TypeError(`the handler of '${name}' is no function`)
    const isStream = Object.prototype.toString.call(handler) === '[object AsyncGeneratorFunction]'
    const tag = this.#routes.push({ handler, isStream }) - 1
    native().hostMap(this.#host, name, tag, isStream)
    return this
  }

  /** Answers a command no more. */
  unmap (name) {
    native().hostUnmap(this.#host, name)
    return this
  }

  /**
   * Sends an event to all clients that listen, or to one.
   * @param {string} name
   * @param {any} [value]
   * @param {{ to?: bigint, bytes?: any }} [options] `to`: the `client` of a request
   */
  emit (name, value = undefined, { to = 0n, bytes = null } = {}) {
    // Before the value: what has bytes may have code of its own.
    const body = viewBytes(bytes)
    const size = encodeValue(value)
    native().hostEmit(this.#host, to, name, encoded(), size, body)
  }

  /** One end of a new connection to this host, for a child process: a descriptor that the caller owns. */
  makePeer () { return native().hostPeer(this.#host) }

  /** Keeps the process alive as long as the host is open: how it is at first. */
  ref () { native().hostKeep(this.#host, true) }

  /** Does not keep the process alive. */
  unref () { native().hostKeep(this.#host, false) }

  /** Ends all links, and gives the name free. Requests that wait fail at their clients. */
  close () {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const request of this.#requests.values()) request.cancel()
    this.#requests.clear()
    this.#ports.end()
    native().hostClose(this.#host)
    for (const goOn of this.#rooms.values()) goOn()
  }

  #deliver (count, extras) {
    const arrived = []
    this.#records.begin(extras)
    for (let i = 0; i < count; i++) arrived.push(this.#records.take())
    for (const { slot, tag, value, bytes, headers, problem } of arrived) {
      // A handler before may have closed the host.
      if (this.#isClosed) return
      const request = new Request(this.#host, slot, value, bytes, headers)
      this.#requests.set(slot, request)
      if (problem) this.#answer(slot, new Result(null, problem))
      else this.#run(slot, request, this.#routes[tag])
    }
  }

  #run (slot, request, { handler, isStream }) {
    let answer, then
    try {
      answer = isStream ? this.#stream(slot, request, handler(request)) : handler(request)
      then = answer?.then
    } catch (thrown) {
      return this.#fail(slot, thrown)
    }
    if (typeof then !== 'function') return this.#answer(slot, answer)
    // A promise of the platform's keeps its word; whatever else has a `then` is made one.
    const isPlatforms = types.isPromise(answer) && then === Promise.prototype.then
    const promise = isPlatforms ? answer : new Promise((resolve, reject) => { Reflect.apply(then, answer, [resolve, reject]) })
    Reflect.apply(Promise.prototype.then, promise, [value => this.#answer(slot, value), thrown => this.#fail(slot, thrown)])
  }

  #fail (slot, thrown) { this.#answer(slot, new Result(null, errorOf(thrown))) }

  /** Sends the answer; what of it cannot be sent, whatever the reason, is told to the client that waits. */
  #answer (slot, answer) {
    if (!this.#requests.delete(slot)) return
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

  async #stream (slot, request, chunks) {
    for await (const chunk of chunks) {
      const { value, bytes } = partsOf(chunk)
      if (!await this.#send(slot, value, bytes)) break
    }
  }

  /** Sends a chunk, as soon as the client takes it; false when nobody reads any more. */
  async #send (slot, value, bytes) {
    while (this.#requests.has(slot)) {
      const size = encodeValue(value)
      const outcome = native().hostChunk(this.#host, slot, null, encoded(), size, bytes)
      if (outcome !== 0) return outcome > 0
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

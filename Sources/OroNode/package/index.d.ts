// SPDX-License-Identifier: Apache-2.0
/**
 * Types of the module `oro:ipc` and of the package `oro-ipc`. A program takes them in with
 * `/// <reference types="oro-ipc" />`, or with `"types": ["oro-ipc"]` in its tsconfig.json.
 */

declare module 'oro:ipc' {
  /**
   * The commands of a program's hosts, for it to add its own:
   *
   *     declare module 'oro:ipc' { interface Commands { 'fs.stat': { value: { path: string }, data: { size: number } } } }
   *
   * `value` is what is sent, `data` what the result has. A command that is not here takes any value, and gives what the caller says:
   * `request<{ size: number }>('fs.stat', …)`.
   */
  export interface Commands {}

  /** The names of `Commands`. */
  export type CommandName = keyof Commands & string
  /** What is sent with a command. */
  export type ValueOf<Name extends CommandName> = Commands[Name] extends { value: infer Value } ? Value : undefined
  /** What the result of a command has. */
  export type DataOf<Name extends CommandName> = Commands[Name] extends { data: infer Data } ? Data : null
  /** A name that is none of them: what is said about one of them is checked. */
  export type OtherName<Name extends string> = Name extends CommandName ? never : Name
  /** The value and what may follow it; the value may be left out where there is none. */
  export type ValueAnd<Name extends CommandName, Rest extends unknown[]> =
    undefined extends ValueOf<Name> ? [value?: ValueOf<Name>, ...rest: Rest] : [value: ValueOf<Name>, ...rest: Rest]

  /** Bytes that are there, in the forms a call takes them in. */
  export type Body = Uint8Array | ArrayBufferView | ArrayBufferLike | string | number[] | URLSearchParams
  /** Bytes that are read first: whatever else `fetch` takes. A stream of Node's is an AsyncIterable. */
  export type StreamBody =
    Blob | FormData | Response | ReadableStream<Uint8Array | string> | AsyncIterable<Uint8Array | string> | Generator<Uint8Array | string>
  /** What `Headers.from` takes. */
  export type HeadersInput =
    globalThis.Headers | Array<[string, string]> | string[] | string | Iterable<[string, string]> | { [name: string]: unknown } | { headers: object }

  /** What a host said about a call, as a tuple: what iterating a result gives. */
  export type ResultTuple<Data = any> = [Error | null, Data, string | null, Headers | null]

  export interface SendOptions {
    /** Keeps the result, unless it is an error, for later calls with this command and these parameters. */
    cache?: boolean
    bytes?: Body | StreamBody | null
    /** Milliseconds to wait for the result; `true`: 32 000. */
    timeout?: number | boolean
    signal?: AbortSignal
    /** The handler may run more than once without harm: when the link ends before the answer comes the request is sent again. */
    idempotent?: boolean
    /** Headers of the request. */
    headers?: HeadersInput | null
    /** `stream`: the data is a `ReadableStream` of bytes. */
    responseType?: '' | 'text' | 'json' | 'arraybuffer' | 'stream' | (string & {})
    useExtensionIPCIfAvailable?: boolean
    /** A body that is a stream is sent while it is read, as fast as the host's handler reads it: `Request.body` there. */
    duplex?: 'half'
  }

  export type RequestOptions = Omit<SendOptions, 'bytes'>
  export type WriteOptions = Omit<SendOptions, 'bytes' | 'cache'>
  /** Options with which the data of a result is a stream. */
  export type StreamedOptions = { responseType: 'stream' }

  export const OK: 0
  export const ERROR: 1
  export const TIMEOUT: number
  export const kDebugEnabled: unique symbol

  /** Makes an error of what stands for one; `null` for nothing. */
  export function maybeMakeError(error: unknown, caller?: unknown): any
  /** Parses a sequence number such as `R12`. */
  export function parseSeq(seq: string | number | bigint, options?: { bigint?: boolean } | object): number | bigint

  /** Turns debug output on or off, and answers whether it is on. */
  export function debug(enable?: boolean): boolean
  export namespace debug {
    let enabled: boolean
    function log(...args: unknown[]): void
  }

  /** Appends the buffers in `object` to `transfers`, and answers `transfers`. */
  export function findMessageTransfers<Transfers extends unknown[]>(transfers: Transfers, object: unknown): Transfers
  /** Posts an `ipc://` URL and bytes to the host. */
  export function postMessage(message: string | URL | object, ...args: unknown[]): any
  /** Waits until a host is reached; rejects after 10 seconds. */
  export function ready(): Promise<void>

  /** Sends a command and blocks this thread until its result is there. */
  export function sendSync<Name extends CommandName>(
    command: Name,
    ...rest: ValueAnd<Name, [options?: (RequestOptions & object) | Body | null, buffer?: Body | object | null]>
  ): Result<DataOf<Name>>
  export function sendSync<Data = any, Name extends string = string>(
    command: OtherName<Name>,
    value?: unknown,
    options?: (RequestOptions & object) | Body | unknown[] | null,
    buffer?: Body | unknown[] | object | null
  ): Result<Data>
  /** Sends a command; waits for its result as long as it takes, unless options say otherwise. */
  export function send<Name extends CommandName>(command: Name, ...rest: ValueAnd<Name, [options?: SendOptions]>): Promise<Result<DataOf<Name>>>
  export function send<Data = any, Name extends string = string>(command: OtherName<Name>, value?: unknown, options?: SendOptions): Promise<Result<Data>>
  /** Sends a command with bytes. */
  export function write<Name extends CommandName>(
    command: Name, ...rest: ValueAnd<Name, [buffer?: Body | StreamBody | null, options?: WriteOptions]>
  ): Promise<Result<DataOf<Name>>>
  export function write<Data = any, Name extends string = string>(
    command: OtherName<Name>, value?: unknown, buffer?: Body | StreamBody | unknown[] | null, options?: WriteOptions
  ): Promise<Result<Data>>
  /** Sends a command and asks for its result. */
  export function request(command: string, value: unknown, options: SendOptions & StreamedOptions): Promise<Result<ReadableStream<Uint8Array>>>
  export function request<Name extends CommandName>(command: Name, ...rest: ValueAnd<Name, [options?: SendOptions]>): Promise<Result<DataOf<Name>>>
  export function request<Data = any, Name extends string = string>(command: OtherName<Name>, value?: unknown, options?: SendOptions): Promise<Result<Data>>
  /** Dispatches a CustomEvent, on the realm's event target unless `target` is another. */
  export function emit(name: string, value: unknown, target?: EventTarget, options?: CustomEventInit): Promise<void>
  /** Completes the request `seq` of this realm, and tells of it in an event. */
  export function resolve(seq: string, value: unknown): Promise<void>
  /** An object whose members, to any depth, are commands. */
  export function createBinding(domain?: string | object | null, ctx?: Function | object): any

  /** Makes buffers, ports and objects of registered types of their descriptions, in place. */
  export function inflateIPCMessageTransfers(object: unknown, types?: Map<string, unknown>): any
  /** Adds buffers and ports in `object` to `transfers`; answers it with descriptions in the place of buffers. */
  export function findIPCMessageTransfers(transfers: Set<unknown>, object: unknown): any

  export class Headers extends globalThis.Headers {
    static from(input: HeadersInput | object): Headers
    get length(): number
    toJSON(): { [name: string]: string }
  }

  /** A command with its parameters, as a URL. */
  export class Message extends URL {
    static get PROTOCOL(): string
    static from(
      input: string | URL | Message | Uint8Array | ArrayBuffer | object | null | undefined,
      params?: object | string | URLSearchParams | null,
      bytes?: ArrayBuffer | Uint8Array | string | number[] | null
    ): Message
    static isValidInput(input: unknown): boolean
    constructor(input: string | URL, bytes?: Uint8Array | null)
    bytes: Uint8Array | null
    get command(): string
    get name(): string
    get id(): string | null
    get seq(): string | number | null
    get value(): any
    get index(): number
    get json(): any
    get params(): { [key: string]: any }
    get rawParams(): { [key: string]: string }
    entries(): Array<[string, any]>
    set(key: string, value: unknown): void
    get(key: string, defaultValue?: any): any
    delete(key: string): boolean
    keys(): string[]
    values(): any[]
    has(key: string): boolean
  }

  /** What a request came to. */
  export class Result<Data = any> {
    static from(
      result: unknown, maybeError?: Error | object | string | null, maybeSource?: string | null, maybeHeaders?: HeadersInput | object | null
    ): Result
    constructor(id?: string | null, err?: Error | null, data?: Data, source?: string | null, headers?: HeadersInput | object | null)
    id: string | null
    err: Error | null
    data: Data
    source: string | null
    headers: Headers | null
    readonly 0: Error | null
    readonly 1: Data
    readonly 2: string | null
    readonly 3: Headers | null
    get length(): number
    toJSON(): {
      headers: { [name: string]: string } | null
      source: string | null
      data: Data
      err: { name: string, message: string, type: unknown, code: unknown, [member: string]: unknown } | null
    }
    [Symbol.iterator](): Generator<any, void, unknown>
  }

  /** The parameters of a request as a host that is asked by URL gets to see them. */
  export class IPCSearchParams extends URLSearchParams {
    constructor(params?: unknown, nonce?: string | number | null)
  }

  /** What the host says about itself and the machine; empty without a host. */
  export const primordials: { readonly [name: string]: any }

  export interface PortOptions {
    id?: string
    rx?: string
    tx?: string
    transferred?: boolean
  }

  /** One end of a channel. */
  export class IPCMessagePort extends MessagePort {
    static ports: Map<string, IPCMessagePort>
    static from(options?: PortOptions | MessagePort): IPCMessagePort
    static transfer(port: IPCMessagePort): IPCMessagePort
    static create(options?: PortOptions | MessagePort): IPCMessagePort
    private constructor()
    get id(): string
    get started(): boolean
    get closed(): boolean
    set onmessage(handler: ((this: MessagePort, event: MessageEvent) => any) | null)
    get onmessage(): ((this: MessagePort, event: MessageEvent) => any) | null
    set onmessageerror(handler: ((this: MessagePort, event: MessageEvent) => any) | null)
    get onmessageerror(): ((this: MessagePort, event: MessageEvent) => any) | null
    start(): void
    close(): void
    postMessage(message: unknown, optionsOrTransferList?: { transfer?: Iterable<Transferable> } | Iterable<Transferable>): void
    /** As of every event target; `false` for a port that is not this realm's any more. */
    addEventListener(
      type: string, listener: ((event: any) => unknown) | EventListenerObject | null, options?: boolean | AddEventListenerOptions
    ): any
    removeEventListener(
      type: string, listener: ((event: any) => unknown) | EventListenerObject | null, options?: boolean | EventListenerOptions
    ): any
    dispatchEvent(event: Event): boolean
  }

  /** Two ports that are each other's other end. */
  export class IPCMessageChannel extends MessageChannel {
    constructor(options?: { id?: string, port1?: object, port2?: object })
    get id(): string
    get port1(): IPCMessagePort
    get port2(): IPCMessagePort
  }

  /** Reaches all other channels of its name and origin. */
  export class IPCBroadcastChannel extends EventTarget {
    static subscriptions: Map<string, object>
    constructor(name: string, options?: { origin?: string })
    get name(): string
    get origin(): string
    get key(): string
    get token(): string
    set onmessage(handler: ((event: MessageEvent) => any) | null)
    get onmessage(): ((event: MessageEvent) => any) | null
    set onmessageerror(handler: ((event: ErrorEvent) => any) | null)
    get onmessageerror(): ((event: ErrorEvent) => any) | null
    set onerror(handler: ((event: ErrorEvent) => any) | null)
    get onerror(): ((event: ErrorEvent) => any) | null
    startMessages(): Promise<void>
    addEventListener(type: 'message' | 'missed', callback: (event: MessageEvent) => any, options?: { once?: boolean }): any
    addEventListener(type: 'messageerror' | 'error', callback: (event: ErrorEvent) => any, options?: { once?: boolean }): any
    addEventListener(
      type: string, callback: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions
    ): void
    postMessage<Value>(message: Value, optionsOrTransferList?: { origin?: string, transfer?: unknown[] } | unknown[]): Promise<Value | null>
    close(): void
  }

  export default exports
  import * as exports from 'oro:ipc'
}

declare module 'oro-ipc/ipc' {
  export * from 'oro:ipc'
  export { default } from 'oro:ipc'
}

declare module 'oro-ipc' {
  import { Body, CommandName, DataOf, Headers, HeadersInput, IPCMessagePort, OtherName, StreamBody, ValueAnd } from 'oro:ipc'

  export interface ConnectOptions {
    /** The host's name; this or `fd`. */
    name?: string
    /** A descriptor that leads to a host, such as one inherited from it. It is taken over. */
    fd?: number
    /** The folder of the host's socket; by default `$XDG_RUNTIME_DIR/oro-ipc`, else `/tmp/oro-ipc-UID`. */
    folder?: string
    /** Bytes come as copies, which the host cannot change. By default long ones lie in its memory until they are written to. */
    copy?: boolean
    /** Bytes lie in the host's memory, without a copy. Writing to such a Buffer ends the process. */
    readOnly?: boolean
  }

  /** A link to a host. */
  export interface Link {
    /** A port to the host, which takes it under this name; what is posted before it has does not get lost. */
    openPort(name: string): IPCMessagePort
    /** A port to the next client of the host that says the same name. */
    meet(name: string): IPCMessagePort
    /** Whether the host was not reached yet; what is asked of the link meanwhile waits, in order. */
    readonly isConnecting: boolean
    /** The link, once its host is reached; rejected with a NetworkError when it cannot be. */
    readonly ready: Promise<Link>
    /**
     * `connecting` until the host is reached; `reconnecting` when the host has ended or drains, until it or another of its name is there;
     * `closed` when it is over.
     */
    readonly state: 'connecting' | 'connected' | 'reconnecting' | 'closed'
    /** Called with each state that comes, and why it has come. */
    onstate: ((state: 'connected' | 'reconnecting' | 'closed', reason: string) => void) | null
    /** Why the link is over; `null` while it stands, or is being made. */
    readonly ending: string | null
    /** How many calls wait for their reply. */
    readonly pending: number
    /** What the engine has counted. */
    readonly statistics: {
      pending: number
      lateResults: number
      copiedBytes: number
      loanedBytes: number
      loans: number
      blockMemory: number
    }
    /** Called once when the link is over, with the reason. */
    onend: ((reason: string) => void) | null
    /** Keeps the process alive as long as the link stands. */
    ref(): void
    /** Only calls under way keep the process alive: how it is at first. */
    unref(): void
    close(): void
  }

  /** A port to the host of this realm, which takes it under this name. */
  export function openPort(name: string): IPCMessagePort
  /** A port to the next client of the same host that says the same name. */
  export function meet(name: string): IPCMessagePort
  /**
   * Connects this realm, and workers it starts later, to a host: a name, `fd:N`, or options. Does not wait for the host: `ready` of the link
   * does. Throws what is known at once: a TypeError for what can be no host, a NetworkError where nobody listens.
   */
  export function connect(host: string | ConnectOptions): Link
  /** Closes the realm's link, and forgets its host. */
  export function disconnect(): void
  /** A piece of a stream: an event with a name, a value, bytes, or several of these. */
  export interface StreamEvent<Value = any> {
    /** `null` for what is no event. */
    readonly name: string | null
    readonly value: Value | undefined
    readonly bytes: Uint8Array | null
    /** The value, or the bytes where there is none. */
    readonly data: Value
  }

  export interface StreamOptions {
    bytes?: Body | StreamBody | null
    headers?: HeadersInput | null
    /** Milliseconds to wait for the first chunk; `true`: 32 000. */
    timeout?: number | boolean
    signal?: AbortSignal
    /** Chunks that are on their way or wait here, 1 to 1024; 16 by default. */
    window?: number
    duplex?: 'half'
  }

  /** What a command answers in chunks. It is asked when the first is wanted. */
  export interface CommandStream<Value = any> extends AsyncIterableIterator<StreamEvent<Value>> {
    /** The headers of the answer, which come with its first chunk. */
    readonly headers: Promise<Headers | null>
    next(): Promise<IteratorResult<StreamEvent<Value>, undefined>>
    return(value?: any): Promise<IteratorReturnResult<any>>
    /** Gives the stream up: its handler is cancelled. */
    cancel(): void
  }

  /** Asks for an answer in chunks, which `for await` reads. A loop that is left ends the host's handler. */
  export function stream<Name extends CommandName>(command: Name, ...rest: ValueAnd<Name, [options?: StreamOptions]>): CommandStream<DataOf<Name>>
  export function stream<Value = any, Name extends string = string>(command: OtherName<Name>, value?: unknown, options?: StreamOptions): CommandStream<Value>

  export interface FetchOptions {
    method?: string
    body?: Body | StreamBody | null
    headers?: HeadersInput | null
    signal?: AbortSignal | null
    timeout?: number | boolean
    window?: number
    duplex?: 'half'
  }

  /** `fetch` of an `ipc://` URL, whose query are the command's parameters: a Response, as soon as its head is there. */
  export function fetchIPC(input: string | URL | Request, init?: FetchOptions): Promise<Response>

  /** Events of an `ipc://` URL, as the platform's EventSource has them. */
  export class IPCEventSource extends EventTarget {
    static readonly CONNECTING: 0
    static readonly OPEN: 1
    static readonly CLOSED: 2
    constructor(url: string | URL, options?: { withCredentials?: boolean })
    readonly CONNECTING: 0
    readonly OPEN: 1
    readonly CLOSED: 2
    readonly url: string
    readonly readyState: 0 | 1 | 2
    readonly withCredentials: boolean
    onopen: ((event: Event) => unknown) | null
    onmessage: ((event: MessageEvent<string>) => unknown) | null
    onerror: ((event: Event) => unknown) | null
    addEventListener(
      type: string, listener: ((event: MessageEvent<string>) => unknown) | EventListenerObject | null, options?: boolean | AddEventListenerOptions
    ): void
    close(): void
  }

  /** What hosts emit, and what `emit` and `resolve` of `oro:ipc` dispatch. */
  export const events: EventTarget
  /** The classes of errors, by name. */
  export const errors: { [name: string]: new (message?: string, options?: any) => Error }
}

declare module 'oro-ipc/host' {
  import { Body, CommandName, DataOf, Headers, HeadersInput, IPCMessagePort, OtherName, Result, StreamBody, ValueOf } from 'oro:ipc'

  export { Result }

  /** A command as a handler receives it. */
  export class Request<Value = any> {
    private constructor()
    /** An object of parameters, or any other value; `undefined` for none. */
    readonly value: Value
    readonly bytes: Uint8Array | null
    readonly headers: Headers
    /** A body that follows in chunks (`duplex: 'half'`), which the client sends as it is read; `null` for none. */
    readonly body: ReadableStream<Uint8Array> | null
    /** Whether whoever asked takes an answer in chunks. */
    readonly takesStream: boolean
    /** Like `seq` and `client`, to be asked for before it is answered. */
    readonly name: string
    readonly seq: string
    readonly client: bigint
    /** Aborted when nobody waits for the answer any more. */
    readonly signal: AbortSignal
  }

  /** An answer with data, bytes and headers; or a chunk of one, which may be an event with a name. */
  export class Reply {
    constructor(parts: { event?: string | null, data?: unknown, bytes?: Body | StreamBody | null, headers?: HeadersInput | null })
    event: string | null
    data: unknown
    bytes: Body | StreamBody | null
    headers: HeadersInput | null
  }

  /** Answers commands of other processes, under a name. */
  export class Host {
    constructor(name?: string | null, options?: { folder?: string, copy?: boolean, readOnly?: boolean })
    /** What a handler may return: data, bytes, a Reply or Result, what streams, or a promise of one of these. */
    map<Name extends CommandName>(
      name: Name,
      handler: (request: Request<ValueOf<Name>>) => DataOf<Name> | Body | StreamBody | Reply | Result | AsyncIterable<unknown> | Promise<unknown>
    ): this
    map<Value = any, Name extends string = string>(name: OtherName<Name>, handler: (request: Request<Value>) => unknown): this
    unmap(name: string): this
    /** Takes conversations that clients open under this name; `null` takes none any more. */
    acceptPorts(name: string, accept: ((port: IPCMessagePort, client: bigint) => void) | null): this
    emit(name: string, value?: unknown, options?: { to?: bigint, bytes?: Body | null }): void
    /** One end of a new connection, for a child process: a descriptor that the caller owns. */
    makePeer(): number
    ref(): void
    unref(): void
    close(): void
  }
}

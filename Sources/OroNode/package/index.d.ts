// SPDX-License-Identifier: Apache-2.0
/**
 * Types of the module `oro:ipc` and of the package `oro-ipc`. A program takes them in with
 * `/// <reference types="oro-ipc" />`, or with `"types": ["oro-ipc"]` in its tsconfig.json.
 */

declare module 'oro:ipc' {
  /** Bytes in the forms a call takes them in. */
  export type Body = Uint8Array | ArrayBufferView | ArrayBuffer | string | number[]

  /** What a host said about a call, as a tuple: what iterating a result gives. */
  export type ResultTuple = [Error | null, any, string | null, Headers | null]

  export interface SendOptions {
    /** Keeps the result, unless it is an error, for later calls with this command and these parameters. */
    cache?: boolean
    bytes?: Body
    /** Milliseconds to wait for the result; `true`: 32 000. */
    timeout?: number | boolean
    signal?: AbortSignal
    /** Headers of the request: whatever `Headers.from` takes. */
    headers?: any
    responseType?: '' | 'text' | 'json' | 'arraybuffer' | (string & {})
    useExtensionIPCIfAvailable?: boolean
  }

  export type RequestOptions = Omit<SendOptions, 'bytes'>
  export type WriteOptions = Omit<SendOptions, 'bytes' | 'cache'>

  export const OK: 0
  export const ERROR: 1
  export const TIMEOUT: number
  export const kDebugEnabled: unique symbol

  /** Makes an error of what stands for one; `null` for nothing. */
  export function maybeMakeError(error: any, caller?: any): any
  /** Parses a sequence number such as `R12`. */
  export function parseSeq(seq: string | number | bigint, options?: { bigint?: boolean } | object): number | bigint

  /** Turns debug output on or off, and answers whether it is on. */
  export function debug(enable?: boolean): boolean
  export namespace debug {
    let enabled: boolean
    function log(...args: any[]): any
  }

  /** Appends the buffers in `object` to `transfers`, and answers `transfers`. */
  export function findMessageTransfers(transfers: any[], object: any): any[]
  /** Posts an `ipc://` URL and bytes to the host. */
  export function postMessage(message: any, ...args: any[]): any
  /** Waits until a host is reached; rejects after 10 seconds. */
  export function ready(): Promise<void>

  /** Sends a command and blocks this thread until its result is there. */
  export function sendSync(
    command: string,
    value?: any,
    options?: (RequestOptions & object) | Body | any[] | null,
    buffer?: Body | any[] | object | null
  ): Result
  /** Sends a command; waits for its result as long as it takes, unless options say otherwise. */
  export function send(command: string, value?: any, options?: SendOptions): Promise<Result>
  /** Sends a command with bytes. */
  export function write(command: string, value?: any, buffer?: Body | any[] | null, options?: WriteOptions): Promise<Result>
  /** Sends a command and asks for its result. */
  export function request(command: string, value?: any, options?: SendOptions): Promise<Result>
  /** Dispatches a CustomEvent, on the realm's event target unless `target` is another. */
  export function emit(name: string, value: any, target?: EventTarget, options?: any): Promise<void>
  /** Completes the request `seq` of this realm, and tells of it in an event. */
  export function resolve(seq: string, value: any): Promise<void>
  /** An object whose members, to any depth, are commands. */
  export function createBinding(domain?: string | object | null, ctx?: Function | object): any

  /** Makes buffers, ports and objects of registered types of their descriptions, in place. */
  export function inflateIPCMessageTransfers(object: any, types?: Map<any, any>): any
  /** Adds buffers and ports in `object` to `transfers`; answers it with descriptions in the place of buffers. */
  export function findIPCMessageTransfers(transfers: Set<any>, object: any): any

  export class Headers extends globalThis.Headers {
    static from(input: any): Headers
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
    static isValidInput(input: any): boolean
    constructor(input: string | URL, bytes?: Uint8Array | null)
    bytes: Uint8Array | null
    get command(): string
    get name(): string
    get id(): string | null
    get seq(): any
    get value(): any
    get index(): number
    get json(): any
    get params(): { [key: string]: any }
    get rawParams(): { [key: string]: string }
    entries(): Array<[string, any]>
    set(key: string, value: any): void
    get(key: string, defaultValue?: any): any
    delete(key: string): boolean
    keys(): string[]
    values(): any[]
    has(key: string): boolean
  }

  /** What a request came to. */
  export class Result {
    static from(
      result: any, maybeError?: Error | object | string | null, maybeSource?: string | null, maybeHeaders?: any
    ): Result
    constructor(id?: any, err?: Error | null, data?: any, source?: string | null, headers?: any)
    id: any
    err: Error | null
    data: any
    source: string | null
    headers: Headers | null
    readonly 0: Error | null
    readonly 1: any
    readonly 2: string | null
    readonly 3: Headers | null
    get length(): number
    toJSON(): {
      headers: { [name: string]: string } | null
      source: string | null
      data: any
      err: { name: string, message: string, type: any, code: any, [member: string]: any } | null
    }
    [Symbol.iterator](): Generator<any, void, unknown>
  }

  /** The parameters of a request as a host that is asked by URL gets to see them. */
  export class IPCSearchParams extends URLSearchParams {
    constructor(params?: any, nonce?: string | number | null)
  }

  /** What the host says about itself and the machine; empty without a host. */
  export const primordials: any

  export interface PortOptions {
    id?: string
    rx?: string
    tx?: string
    transferred?: boolean
  }

  /** One end of a channel. */
  export class IPCMessagePort extends MessagePort {
    static ports: Map<any, any>
    static from(options?: PortOptions | MessagePort): IPCMessagePort
    static transfer(port: IPCMessagePort): IPCMessagePort
    static create(options?: PortOptions | MessagePort): IPCMessagePort
    private constructor()
    get id(): any
    get started(): any
    get closed(): any
    set onmessage(handler: any)
    get onmessage(): any
    set onmessageerror(handler: any)
    get onmessageerror(): any
    start(): void
    close(): void
    postMessage(message: any, optionsOrTransferList?: { transfer?: any[] } | any[]): void
    addEventListener(...args: any[]): any
    removeEventListener(...args: any[]): any
    dispatchEvent(event: any): any
  }

  /** Two ports that are each other's other end. */
  export class IPCMessageChannel extends MessageChannel {
    constructor(options?: { id?: string, port1?: object, port2?: object })
    get id(): any
    get port1(): any
    get port2(): any
  }

  /** Reaches all other channels of its name and origin. */
  export class IPCBroadcastChannel extends EventTarget {
    static subscriptions: Map<any, any>
    constructor(name: string, options?: { origin?: string })
    get name(): string
    get origin(): any
    get key(): any
    get token(): string
    set onmessage(handler: ((event: MessageEvent) => any) | null)
    get onmessage(): any
    set onmessageerror(handler: ((event: ErrorEvent) => any) | null)
    get onmessageerror(): any
    set onerror(handler: ((event: ErrorEvent) => any) | null)
    get onerror(): any
    startMessages(): Promise<void>
    addEventListener(type: 'message', callback: (event: MessageEvent) => any, options?: { once?: boolean }): any
    addEventListener(type: 'messageerror' | 'error', callback: (event: ErrorEvent) => any, options?: { once?: boolean }): any
    addEventListener(
      type: string, callback: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions
    ): void
    postMessage(message: any, optionsOrTransferList?: { origin?: string, transfer?: any[] } | any[]): Promise<any>
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
  import { IPCMessagePort } from 'oro:ipc'

  export interface ConnectOptions {
    /** The host's name; this or `fd`. */
    name?: string
    /** A descriptor that leads to a host, such as one inherited from it. It is taken over. */
    fd?: number
    /** The folder of the host's socket; by default `$XDG_RUNTIME_DIR/oro-ipc`, else `/tmp/oro-ipc-UID`. */
    folder?: string
    /** Bytes come as copies that may be written to, and not in memory that is shared with the host. */
    copy?: boolean
  }

  /** A link to a host. */
  export interface Link {
    /** A port to the host, which takes it under this name; what is posted before it has does not get lost. */
    openPort(name: string): IPCMessagePort
    /** A port to the next client of the host that says the same name. */
    meet(name: string): IPCMessagePort
    /** Why the link is over; `null` while it stands. */
    readonly ending: string | null
    /** How many calls wait for their reply. */
    readonly pending: number
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
  /** Connects this realm, and workers it starts later, to a host: a name, `fd:N`, or options. */
  export function connect(host: string | ConnectOptions): Link
  /** Closes the realm's link, and forgets its host. */
  export function disconnect(): void
  /** What hosts emit, and what `emit` and `resolve` of `oro:ipc` dispatch. */
  export const events: EventTarget
  /** The classes of errors, by name. */
  export const errors: { [name: string]: any }
}

declare module 'oro-ipc/host' {
  import { Headers, IPCMessagePort, Result } from 'oro:ipc'

  export { Result }

  /** A command as a handler receives it. */
  export class Request {
    private constructor()
    /** An object of parameters, or any other value; `undefined` for none. */
    readonly value: any
    readonly bytes: Uint8Array | null
    readonly headers: Headers
    /** Like `seq` and `client`, to be asked for before it is answered. */
    readonly name: string
    readonly seq: string
    readonly client: bigint
    /** Aborted when nobody waits for the answer any more. */
    readonly signal: AbortSignal
  }

  /** An answer with data, bytes and headers. */
  export class Reply {
    constructor(parts: { data?: any, bytes?: any, headers?: any })
    data: any
    bytes: any
    headers: any
  }

  /** Answers commands of other processes, under a name. */
  export class Host {
    constructor(name?: string | null, options?: { folder?: string, copy?: boolean })
    map(name: string, handler: (request: Request) => any): this
    unmap(name: string): this
    /** Takes conversations that clients open under this name; `null` takes none any more. */
    acceptPorts(name: string, accept: ((port: IPCMessagePort, client: bigint) => void) | null): this
    emit(name: string, value?: any, options?: { to?: bigint, bytes?: any }): void
    /** One end of a new connection, for a child process: a descriptor that the caller owns. */
    makePeer(): number
    ref(): void
    unref(): void
    close(): void
  }
}

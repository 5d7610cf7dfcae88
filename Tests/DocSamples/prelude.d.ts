// SPDX-License-Identifier: Apache-2.0
// What the blocks of JavaScript in the documents take for granted.
declare const pixels: Uint8Array
declare const signal: AbortSignal
declare const fs: any
declare const pause: (milliseconds: number, value: unknown, options: { signal: AbortSignal }) => Promise<unknown>
declare const request: typeof import('oro-ipc/ipc').request
declare const IPCMessageChannel: typeof import('oro-ipc/ipc').IPCMessageChannel

// SPDX-License-Identifier: Apache-2.0
'use strict'
/**
 * Streams as bytes, in the forms that the web has for them: bytes as they are, events with names as an event stream, and values as a line
 * of JSON each. The first chunk says which it is.
 */

/** JSON has no bigints: they are their digits. */
const jsonOf = (key, value) => typeof value === 'bigint' ? String(value) : value

/** An event as a page's EventSource reads it: a line for each line of its data. */
function eventText ({ name, data }) {
  const text = Buffer.isBuffer(data) ? data.toString() : typeof data === 'string' ? data : JSON.stringify(data, jsonOf) ?? ''
  const lines = text.split(/\r\n|\r|\n/).map(line => `data: ${line}\n`).join('')
  return `${name ? `event: ${name}\n` : ''}${lines}\n`
}

const lineText = ({ data }) => `${JSON.stringify(data, jsonOf)}\n`

const forms = {
  bytes: { type: 'application/octet-stream', write: ({ bytes, value }) => bytes ?? Buffer.from(typeof value === 'string' ? value : JSON.stringify(value, jsonOf)) },
  events: { type: 'text/event-stream; charset=utf-8', write: event => Buffer.from(eventText(event)) },
  values: { type: 'application/x-ndjson', write: event => Buffer.from(lineText(event)) }
}

/** What a stream that begins with this chunk is. */
function formOf (chunk) {
  if (chunk.name !== null) return forms.events
  return chunk.value === undefined || chunk.bytes ? forms.bytes : forms.values
}

/**
 * A stream of the platform's with the bytes of ours; it reads no further than it is read.
 * @param {CommandStream} stream
 * @param {object[]} first chunks that were read already
 * @param {{ write: (chunk: object) => Uint8Array }} form
 * @param {AbortSignal | null} [signal] whose own reason is what a reader gets when it has ended the stream
 */
function byteStream (stream, first, form, signal = null) {
  const waiting = [...first]
  return new ReadableStream({
    type: 'bytes',
    async pull (controller) {
      try {
        for (;;) {
          const { done, value } = waiting.length ? { done: false, value: waiting.shift() } : await stream.next()
          if (done) {
            controller.close()
            controller.byobRequest?.respond(0)
            return
          }
          const bytes = form.write(value)
          // A stream of bytes has no empty chunks.
          if (bytes.length === 0) continue
          // Memory that the reader may do with what it likes: ours may be shared.
          return controller.enqueue(Uint8Array.from(bytes))
        }
      } catch (error) {
        controller.error(signal?.aborted ? signal.reason : error)
      }
    },
    cancel () { stream.cancel() }
  }, { highWaterMark: 0 })
}

module.exports = { byteStream, formOf, jsonOf }

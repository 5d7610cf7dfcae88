// SPDX-License-Identifier: Apache-2.0
'use strict'

const { args } = require('./args.js')
const { nextSeq } = require('./seq.js')

const isParams = value => Object.prototype.toString.call(value) === '[object Object]'

/** What a host is told about the realm that asks. Looked up anew: a realm may get these members later. */
function * metadata () {
  const realm = globalThis
  if (realm.RUNTIME_WORKER_ID) yield ['runtime-worker-id', realm.RUNTIME_WORKER_ID]
  if (realm.RUNTIME_WORKER_LOCATION) yield ['runtime-worker-location', realm.RUNTIME_WORKER_LOCATION]
  if (realm.top !== undefined && realm.top !== realm) {
    yield ['runtime-frame-type', 'nested']
  } else if (realm.window === undefined && realm.self === realm) {
    yield ['runtime-frame-type', 'worker']
    const isService = typeof realm.ServiceWorkerGlobalScope === 'function' && realm instanceof realm.ServiceWorkerGlobalScope
    yield ['runtime-worker-type', isService ? 'serviceworker' : 'worker']
  } else {
    yield ['runtime-frame-type', 'top-level']
  }
  const source = realm.document?.querySelector?.('meta[name=runtime-frame-source]')?.content
  if (source) yield ['runtime-frame-source', source]
}

/** The parameters of a request as a host gets to see them: the caller's, and what the module adds. */
class IPCSearchParams extends URLSearchParams {
  /**
   * @param {any} params an object of parameters; anything else becomes the parameter `value`
   * @param {string | number | null} [nonce]
   * @param {string} [seq] for a call that has its number already; otherwise the next, unless `params` has one
   */
  constructor (params, nonce = null, seq = undefined) {
    super()
    const given = isParams(params) ? params : {}
    const record = { ...given, index: args().index ?? 0, seq: given.seq ?? seq ?? nextSeq() }
    for (const [key, value] of Object.entries(record)) {
      this.append(key, value && typeof value === 'object' ? JSON.stringify(value) : String(value))
    }
    if (params !== undefined && !isParams(params)) this.append('value', `${params}`)
    if (nonce) this.append('nonce', String(nonce))
    for (const [key, value] of metadata()) this.append(key, String(value))
  }

  /** The query's text, with `%20` for spaces. */
  toString () { return super.toString().replaceAll('+', '%20') }
}

module.exports = { IPCSearchParams }

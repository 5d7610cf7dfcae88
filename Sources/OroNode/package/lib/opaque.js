// SPDX-License-Identifier: Apache-2.0
'use strict'
/**
 * Objects that are more than their members: what a Promise or a Blob holds is not in them, so that a copy of the members would be an
 * empty object that nobody expects.
 */

const { types } = require('node:util')

const tagOf = value => Object.prototype.toString.call(value).slice(8, -1)

/** The engine's own classes of which the platform clones nothing, by their tags. */
const ENGINE = new Set([
  'AsyncGenerator', 'FinalizationRegistry', 'Generator', 'Module', 'Promise', 'WeakMap', 'WeakRef', 'WeakSet'
])
const ENGINE_KINDS = /^(?:Intl|WebAssembly)\.|Iterator$/

/** What the classes of Node have that the platform clones or transfers in a way of their own. */
const PLATFORMS = new Set(['messaging_clone_symbol', 'messaging_transfer_symbol', 'kClone', 'kTransfer'])

/** By prototype: whether objects of it are the platform's, in the way of ``PLATFORMS``. */
const known = new WeakMap()

function isPlatforms (prototype) {
  if (prototype === null || prototype === Object.prototype) return false
  let answer = known.get(prototype)
  if (answer === undefined) {
    const isMarked = Object.getOwnPropertySymbols(prototype).some(({ description }) => PLATFORMS.has(description))
    answer = isMarked || isPlatforms(Object.getPrototypeOf(prototype))
    known.set(prototype, answer)
  }
  return answer
}

/**
 * What an object is called that is more than its members, `null` for one that is not. A class of a program's own whose fields
 * are all private cannot be told from an empty object.
 * @param {object} value no array, view, buffer, date, regular expression, map, set, error or primitive in an object
 * @returns {string | null}
 */
function opaqueName (value) {
  const prototype = Object.getPrototypeOf(value)
  const tag = tagOf(value)
  if (tag === 'Object') return isPlatforms(prototype) ? value.constructor?.name ?? 'Object' : null
  if (types.isArgumentsObject(value)) return null
  const isEngines = types.isPromise(value) || types.isWeakMap(value) || types.isWeakSet(value) || types.isGeneratorObject(value)
  if (isEngines || ENGINE.has(tag) || ENGINE_KINDS.test(tag) || isPlatforms(prototype)) return tag
  // A program's class may have a tag of its own, and its members as well.
  return Object.keys(value).length === 0 ? tag : null
}

module.exports = { opaqueName, tagOf }

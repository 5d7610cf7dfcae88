'use strict'
// Whether two values are the same to a program: kind by kind, with holes, the order of members, and what refers to what.

const { types } = require('node:util')

const tagOf = value => Object.prototype.toString.call(value).slice(8, -1)
/** A Buffer is an array of bytes: only here its class does not matter. */
const classOf = value => Buffer.isBuffer(value) ? 'Uint8Array' : ArrayBuffer.isView(value) || types.isNativeError(value) ? tagOf(value) + (value.constructor?.name ?? '') : tagOf(value)

/**
 * Where `came` is not what was `expected`; `null` where it is.
 * @returns {string | null}
 */
function difference (came, expected, path = 'it', seen = new Map(), back = new Map()) {
  if (expected === null || typeof expected !== 'object') return Object.is(came, expected) ? null : `${path} is ${show(came)}, not ${show(expected)}`
  if (came === null || typeof came !== 'object') return `${path} is ${show(came)}, not an object`
  if (seen.has(expected)) return seen.get(expected) === came ? null : `${path} refers to another object`
  if (back.has(came)) return `${path} refers to an object that occurred elsewhere`
  seen.set(expected, came)
  back.set(came, expected)
  const inside = (a, b, name) => difference(a, b, `${path}${name}`, seen, back)
  if (tagOf(came) !== tagOf(expected) && classOf(came) !== classOf(expected)) return `${path} is a ${classOf(came)}, not a ${classOf(expected)}`
  if (types.isDate(expected)) return inside(came.getTime(), expected.getTime(), '.getTime()')
  if (types.isRegExp(expected)) return inside(`/${came.source}/${came.flags} ${came.lastIndex}`, `/${expected.source}/${expected.flags} ${expected.lastIndex}`, '')
  if (types.isBoxedPrimitive(expected)) return inside(came.valueOf(), expected.valueOf(), '.valueOf()')
  if (types.isAnyArrayBuffer(expected)) return Buffer.from(came).equals(Buffer.from(expected)) ? null : `the bytes of ${path} differ`
  if (types.isNativeError(expected)) return differenceOfErrors(came, expected, inside)
  if (ArrayBuffer.isView(expected)) return differenceOfViews(came, expected, path, inside)
  if (types.isMap(expected)) return inside([...came], [...expected], '.entries()')
  if (types.isSet(expected)) return inside([...came], [...expected], '.values()')
  if (Object.getPrototypeOf(came) !== (Array.isArray(expected) ? Array.prototype : Object.prototype)) return `${path} is no plain object`
  if (Array.isArray(expected) && came.length !== expected.length) return `${path} has ${came.length} elements, not ${expected.length}`
  const [names, wanted] = [Object.keys(came), Object.keys(expected)]
  if (names.join('\n') !== wanted.join('\n')) return `${path} has the members ${names.slice(0, 9)}, not ${wanted.slice(0, 9)}`
  for (const name of wanted) {
    const found = inside(came[name], expected[name], `[${JSON.stringify(name)}]`)
    if (found) return found
  }
  return null
}

function differenceOfErrors (came, expected, inside) {
  for (const name of ['name', 'message', 'stack', 'cause']) {
    if (Object.hasOwn(came, name) !== Object.hasOwn(expected, name) && name === 'cause') return `only one has a ${name}`
    const found = inside(came[name], expected[name], `.${name}`)
    if (found) return found
  }
  return null
}

function differenceOfViews (came, expected, path, inside) {
  if (classOf(came) !== classOf(expected)) return `${path} is a ${classOf(came)}, not a ${classOf(expected)}`
  const [a, b] = [came, expected].map(view => Buffer.from(view.buffer, view.byteOffset, view.byteLength))
  if (!a.equals(b)) return `the bytes of ${path} differ`
  // What a Buffer lies in is Node's business.
  if (Buffer.isBuffer(came) || Buffer.isBuffer(expected)) return null
  return inside(came.byteOffset, expected.byteOffset, '.byteOffset') ?? inside(came.buffer, expected.buffer, '.buffer')
}

const show = value => typeof value === 'bigint' ? `${value}n` : Object.is(value, -0) ? '-0' : String(value)

module.exports = { difference, tagOf }

// SPDX-License-Identifier: Apache-2.0
'use strict'
// Section 5 of the module's description, every row; those that section 20 changes (rows 3 to 6) as it decides them. Left out:
// GeolocationPositionError, a class that only browsers have: it is kept as the `type` of an Error, like other unknown types.

const assert = require('node:assert/strict')
const os = require('node:os')
const { test } = require('node:test')
const { load } = require('./package.js')
const { maybeMakeError } = load('ipc.js')
const errors = load('lib/errors.js')

const classes = [
  ['AbortError', 'ABORT_ERR', 20], ['BadRequestError', 'BAD_REQUEST_ERR', 0], ['EncodingError', 'ENCODING_ERR', 32],
  ['FinalizationRegistryCallbackError', 'FINALIZATION_REGISTRY_CALLBACK_ERR', 0],
  ['IllegalConstructorError', 'ILLEGAL_CONSTRUCTOR_ERR', 0], ['IndexSizeError', 'INDEX_SIZE_ERR', 1],
  ['InternalError', 'INTERNAL_ERR', 0], ['InvalidAccessError', 'INVALID_ACCESS_ERR', 15],
  ['NetworkError', 'NETWORK_ERR', 19], ['NotAllowedError', 'NOT_ALLOWED_ERR', 31], ['NotFoundError', 'NOT_FOUND_ERR', 8],
  ['ModuleNotFoundError', 'MODULE_NOT_FOUND', 8], ['NotSupportedError', 'NOT_SUPPORTED_ERR', 9],
  ['OperationError', 'OPERATION_ERR', 30], ['SecurityError', 'SECURITY_ERR', 18], ['TimeoutError', 'TIMEOUT_ERR', 23]
]

for (const [name, code, number] of classes) {
  test(`${name} has its name, code and number`, () => {
    const Class = errors[name]
    const error = new Class('m')
    assert.ok(error instanceof Error)
    assert.equal(error.name, name)
    assert.equal(error.code, code)
    assert.equal(Class.code, number)
    assert.equal(Class.name, name)
    assert.equal(error.message, 'm')
    assert.equal(String(error), `${name}: m`)
    assert.throws(() => { error.name = 'x' }, TypeError)
    if (name !== 'InternalError') assert.throws(() => { error.code = 'x' }, TypeError)
  })
}

test('inheritance of the special classes', () => {
  assert.ok(new errors.IllegalConstructorError() instanceof TypeError)
  const missing = new errors.ModuleNotFoundError('m', ['a.js'])
  assert.ok(missing instanceof errors.NotFoundError)
  assert.deepEqual(missing.requireStack, ['a.js'])
})

test("InternalError's code can be given and assigned", () => {
  assert.equal(new errors.InternalError('m', 'ECUSTOM').code, 'ECUSTOM')
  const error = new errors.InternalError('m')
  error.code = 'E'
  assert.equal(error.code, 'E')
})

test('ErrnoError has the positive number as code and the name of the errno', () => {
  const error = new errors.ErrnoError(os.constants.errno.ENOENT)
  assert.equal(error.name, 'ENOENT')
  assert.equal(error.code, 2)
  assert.match(error.message, /no such file/)
  assert.equal(new errors.ErrnoError(9999).name, 'SystemError')
  assert.equal(errors.ErrnoError.code, '')
})

const aborted = reason => {
  const controller = new AbortController()
  controller.abort(reason)
  return controller.signal
}

test('AbortError: by nothing, by a signal, by a text', () => {
  const { AbortError } = errors
  assert.equal(new AbortError().message, 'The operation was aborted')
  assert.equal(new AbortError().signal, null)
  const signal = aborted()
  assert.equal(new AbortError(signal).message, 'AbortError: This operation was aborted')
  assert.equal(new AbortError(signal).signal, signal)
  assert.equal(new AbortError(aborted('why')).message, 'why')
  assert.equal(new AbortError({ reason: 'r' }).message, 'r')
  assert.equal(new AbortError('text').message, 'text')
  // Row 4: a reason that is nothing gives the default message.
  assert.equal(new AbortError(aborted('')).message, 'The operation was aborted')
})

// Payload, class or name, message, code, further own members.
const rows = [
  [{ message: 'm' }, 'Error', 'm', undefined, {}],
  [{ type: 'NotFoundError', message: 'Not found', url: 'ipc://x/' }, 'NotFoundError', 'Not found', 'NOT_FOUND_ERR', { url: 'ipc://x/' }],
  [{ type: 'NotFoundError', message: 'm', code: 7 }, 'NotFoundError', 'm', 'NOT_FOUND_ERR', {}],
  [{ type: 'InternalError', code: 'ECUSTOM' }, 'InternalError', '', 'ECUSTOM', {}],
  [{ type: 'AbortError' }, 'AbortError', 'The operation was aborted', 'ABORT_ERR', {}],
  [{ type: 'TimeoutError', message: 't' }, 'TimeoutError', 't', 'TIMEOUT_ERR', {}],
  [{ code: -2 }, 'ENOENT', 'no such file or directory', 2, {}],
  [{ code: '-2' }, 'ENOENT', 'no such file or directory', 2, {}],
  [{ code: -2, message: 'mine' }, 'ENOENT', 'mine', 2, {}],
  [{ code: 2 }, 'Error', '', 2, {}],
  [{ code: 8 }, 'NotFoundError', '', 'NOT_FOUND_ERR', {}],
  [{ code: 20 }, 'AbortError', 'The operation was aborted', 'ABORT_ERR', {}],
  [{ code: 23 }, 'TimeoutError', '', 'TIMEOUT_ERR', {}],
  [{ code: 1 }, 'IndexSizeError', '', 'INDEX_SIZE_ERR', {}],
  [{ type: 8, message: 'm' }, 'NotFoundError', 'm', 'NOT_FOUND_ERR', {}],
  [{ code: 'NOT_FOUND_ERR' }, 'Error', '', 'NOT_FOUND_ERR', {}],
  [{ code: -9999 }, 'Error', '', -9999, {}],
  [5, 'Error', '', undefined, {}],
  [true, 'Error', '', undefined, {}],
  [[], 'Error', '', undefined, {}],
  [{}, 'Error', '', undefined, {}],
  // Section 20: row 3.
  [{ type: 'NetworkError', message: 'm' }, 'NetworkError', 'm', 'NETWORK_ERR', {}],
  // Row 5.
  [{ type: 'SecurityError', message: 'm' }, 'SecurityError', 'm', 'SECURITY_ERR', {}],
  [{ type: 'BadRequestError', message: 'm' }, 'BadRequestError', 'm', 'BAD_REQUEST_ERR', {}],
  [{ type: 'SyntaxError', message: 'm' }, 'Error', 'm', undefined, { type: 'SyntaxError' }],
  [{ type: 'Nope', message: 'm' }, 'Error', 'm', undefined, { type: 'Nope' }],
  [{ type: 'GeolocationPositionError', message: 'm' }, 'Error', 'm', undefined, { type: 'GeolocationPositionError' }],
  // Row 6.
  ['boom', 'Error', 'boom', undefined, {}],
  [{ type: 'TypeError', message: 'm' }, 'TypeError', 'm', undefined, {}],
  [{ type: 'RangeError', message: 'm' }, 'RangeError', 'm', undefined, {}],
  [{ type: 'URIError' }, 'URIError', '', undefined, {}],
  [{ type: 'AggregateError', message: 'm' }, 'AggregateError', 'm', undefined, {}],
  [{ type: 'DOMException', message: 'm', name: 'DataCloneError' }, 'DataCloneError', 'm', 25, {}],
  [{ type: 'toString', message: 'm' }, 'Error', 'm', undefined, { type: 'toString' }],
  [{ type: '__proto__', message: 'm' }, 'Error', 'm', undefined, { type: '__proto__' }],
  [JSON.parse('{"message":"m","__proto__":{"polluted":1}}'), 'Error', 'm', undefined, {}]
]

for (const [payload, name, message, code, members] of rows) {
  test(`maybeMakeError of ${JSON.stringify(payload)}`, () => {
    const error = maybeMakeError(payload)
    assert.ok(error instanceof Error)
    assert.equal(error.name, name)
    assert.equal(error.message, message)
    assert.equal(error.code, code)
    for (const [key, value] of Object.entries(members)) assert.equal(error[key], value)
    if (!('type' in members)) assert.equal(error.type, undefined)
    assert.equal(error.polluted, undefined)
    assert.equal(typeof error.stack, 'string')
  })
}

for (const nothing of [null, undefined, 0, '', false]) {
  test(`maybeMakeError of ${String(nothing) || "''"} is null`, () => assert.equal(maybeMakeError(nothing), null))
}

test('an Error is the same object, untouched', () => {
  const error = new RangeError('r')
  assert.equal(maybeMakeError(error), error)
})

test('classes of the platform are real errors', () => {
  assert.ok(maybeMakeError({ type: 'TypeError' }) instanceof TypeError)
  assert.ok(maybeMakeError({ type: 'AggregateError' }) instanceof AggregateError)
  assert.ok(maybeMakeError({ type: 'DOMException' }) instanceof DOMException)
})

test('the stack begins at the caller that was given', () => {
  function caller () { return maybeMakeError({ message: 'm' }, caller) }
  assert.ok(!caller().stack.includes('at caller'))
})

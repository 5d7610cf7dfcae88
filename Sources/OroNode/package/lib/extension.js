// SPDX-License-Identifier: Apache-2.0
'use strict'
/** The shortcut through a realm's own handler, `globalThis.__global_ipc_extension_handler`, where there is one. */

const { errorOf } = require('./kinds.js')
const { parseJSON } = require('./parse-json.js')
const { Result } = require('./result.js')

/**
 * The handler that this call goes to, or `null`.
 * @param {string} command
 * @param {object} options
 * @param {boolean} isSync a blocking call goes there only when it is told to
 */
function extensionFor (command, options, isSync) {
  const handler = globalThis.__global_ipc_extension_handler
  if (typeof handler !== 'function') return null
  return options.useExtensionIPCIfAvailable || (!isSync && command.startsWith('fs.')) ? handler : null
}

const answered = (answer, command) =>
  Result.from(typeof answer === 'string' ? parseJSON(answer) ?? answer : answer, null, command)

/** What was thrown, as a result; not an error, it becomes one. */
const thrown = what => Result.from(null, errorOf(what))

/**
 * @param {Function} handler
 * @param {string} uri
 * @param {any} body
 * @param {string} command
 * @returns {Promise<Result>}
 */
async function askExtension (handler, uri, body, command) {
  try {
    return answered(await (body === null ? handler(uri) : handler(uri, body)), command)
  } catch (error) {
    return thrown(error)
  }
}

/** The same for a handler that answers at once. */
function askExtensionSync (handler, uri, body, command) {
  try {
    return answered(body === null ? handler(uri) : handler(uri, body), command)
  } catch (error) {
    return thrown(error)
  }
}

module.exports = { extensionFor, askExtension, askExtensionSync }

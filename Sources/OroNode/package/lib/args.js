// SPDX-License-Identifier: Apache-2.0
'use strict'
/**
 * What a runtime tells its realm in `globalThis.__args`: `index`, `debug`, `env`. Plain Node has no such object; there the
 * environment variable `ORO_DEBUG_IPC` alone stands for `debug`.
 */

const inNode = { index: 0, debug: Boolean(process.env.ORO_DEBUG_IPC), env: process.env }

/** The realm's arguments as they are now. */
const args = () => globalThis.__args ?? inNode

module.exports = { args }

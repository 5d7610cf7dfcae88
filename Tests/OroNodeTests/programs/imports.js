// SPDX-License-Identifier: Apache-2.0
'use strict'
// Loads the module; when that asks its host what it is, the host gets a signal first. Then asks `ping` for each line it gets.

const path = require('node:path')
const { native } = require(path.join(process.env.ORO_NODE_PACKAGE, 'lib', 'native.js'))

const [, , pid, signal] = process.argv
const { callSync } = native()
if (signal) {
  native().callSync = (...call) => {
    native().callSync = callSync
    process.kill(Number(pid), signal)
    return callSync(...call)
  }
}
const { primordials, sendSync } = require(path.join(process.env.ORO_NODE_PACKAGE, 'ipc.js'))
console.log(`loaded ${Object.keys(primordials).length}`)
process.stdin.on('data', () => { console.log(sendSync('ping').data ?? 'no answer') })

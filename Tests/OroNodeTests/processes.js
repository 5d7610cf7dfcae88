// SPDX-License-Identifier: Apache-2.0
'use strict'
/** Other processes: hosts to talk to, and programs that talk. */

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const readline = require('node:readline')
const { folder, root } = require('./package.js')

let last = 0

/** A host's name that nobody else has. */
const newName = () => `node-test-${process.pid}-${++last}`

/** A process and the lines it prints. What it complains about goes where ours goes. */
class Process {
  constructor (t, command, args, env = {}) {
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } })
    this.ended = once(this.child, 'exit').then(([code, signal]) => signal ?? code)
    this.lines = readline.createInterface({ input: this.child.stdout })[Symbol.asyncIterator]()
    t.after(() => this.kill())
  }

  /** The next line; `undefined` at the end. */
  async line () { return (await this.lines.next()).value }

  async kill (signal = 'SIGKILL') {
    this.child.kill(signal)
    return this.ended
  }
}

/** The Swift host of the conformance suite. */
async function swiftHost (t, name = newName(), args = [], cwd = '.') {
  const peer = process.env.ORO_TEST_PEER ?? path.join(root, '.build', 'release', 'oro-test-peer')
  const host = new Process(t, 'env', ['-C', cwd, path.resolve(peer), 'serve', '--name', name, ...args])
  if (!/^ready/.test(await host.line())) throw new Error(`${peer} does not serve`)
  return Object.assign(host, { hostName: name })
}

/** A host in Node: `programs/host.js`. */
async function nodeHost (t, name = newName()) {
  const host = new Process(t, process.execPath, [path.join(__dirname, 'programs', 'host.js'), name], { ORO_NODE_PACKAGE: folder })
  if (await host.line() !== 'ready') throw new Error('the host does not serve')
  return Object.assign(host, { hostName: name })
}

/** A program of `programs`, with the hook, connected to the host. */
function program (t, file, host, args = [], flags = []) {
  const all = [...flags, '--import', path.join(folder, 'register.js'), path.join(__dirname, 'programs', file), ...args.map(String)]
  return new Process(t, process.execPath, all, { ORO_IPC_HOST: host?.hostName ?? '', ORO_NODE_PACKAGE: folder })
}

module.exports = { Process, newName, nodeHost, program, swiftHost }

// SPDX-License-Identifier: Apache-2.0
'use strict'
// Loading the module neither waits for ever nor fails, whatever becomes of the host meanwhile.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')
const { folder, load } = require('./package.js')
const { nodeHost, program } = require('./processes.js')

test('a host that does not say what it is keeps nobody waiting', { timeout: 60_000 }, async t => {
  const host = await nodeHost(t)
  const asker = program(t, 'imports.js', host, [host.child.pid, 'SIGSTOP'])
  assert.equal(await asker.line(), 'loaded 0')
  host.child.kill('SIGCONT')
  asker.child.stdin.write('\n')
  assert.equal(await asker.line(), 'pong')
  asker.child.stdin.end()
  assert.equal(await asker.ended, 0)
})

test('a host that dies when it is asked what it is', { timeout: 60_000 }, async t => {
  const host = await nodeHost(t)
  const asker = program(t, 'imports.js', host, [host.child.pid, 'SIGKILL'])
  assert.equal(await asker.line(), 'loaded 0')
  asker.child.stdin.write('\n')
  assert.equal(await asker.line(), 'no answer')
  asker.child.stdin.end()
  assert.equal(await asker.ended, 0)
})

test('the package says under which licence it is, and what it is for', () => {
  const { license, files, exports } = load('package.json')
  assert.equal(license, 'Apache-2.0')
  assert.match(fs.readFileSync(path.join(folder, 'LICENSE'), 'utf8'), /Apache License\s+Version 2\.0/)
  const readme = fs.readFileSync(path.join(folder, 'README.md'), 'utf8')
  for (const name of ['LICENSE', 'README.md', 'index.d.ts']) assert.ok(files.includes(name) && fs.existsSync(path.join(folder, name)), name)
  for (const name of ['./register', './host', './ipc']) assert.ok(name in exports && readme.includes(`oro-ipc${name.slice(1)}`), name)
})

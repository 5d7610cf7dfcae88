// SPDX-License-Identifier: Apache-2.0
'use strict'
// Loading the module neither waits for ever nor fails, whatever becomes of the host meanwhile.

const assert = require('node:assert/strict')
const { test } = require('node:test')
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

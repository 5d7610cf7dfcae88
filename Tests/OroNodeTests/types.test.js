// SPDX-License-Identifier: Apache-2.0
'use strict'
// The package's declarations: sound by themselves, and such that a program for the published ones compiles with them.

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const path = require('node:path')
const { test } = require('node:test')
const { folder } = require('./package.js')

const settings = '--noEmit --strict --target es2022 --module es2022 --moduleResolution node --lib es2022,dom,dom.iterable'.split(' ')
const own = path.join(folder, 'index.d.ts')

/** What the compiler says about these files; '' when nothing. */
function complaints (...files) {
  const { stdout, error } = spawnSync('tsc', [...settings, ...files], { cwd: path.join(__dirname, 'types'), encoding: 'utf8' })
  if (error) throw new Error(`tsc is needed (Debian's package node-typescript): ${error.message}`)
  return stdout
}

test('a program for oro:ipc compiles with the declarations of the package', () => {
  assert.equal(complaints(own, 'program.ts'), '')
})

test('the same program compiles with the published declarations', () => {
  // They are taken as they are: a listener they declare is narrower than that of EventTarget, which compilers refuse.
  assert.equal(complaints('--skipLibCheck', 'published.d.ts', 'program.ts'), '')
})

test('a program for the package itself compiles', () => {
  assert.equal(complaints('package.ts'), '')
})

test('a program with a wrong type does not compile', () => {
  const said = complaints(own, 'wrong.ts')
  assert.match(said, /wrong\.ts\(4,\d+\): error TS2322/)
  const lines = [...said.matchAll(/wrong\.ts\((\d+),/g)].map(([, line]) => Number(line))
  for (const line of [12, 13, 14]) assert.ok(lines.includes(line), `line ${line} compiles: ${said}`)
})

// SPDX-License-Identifier: Apache-2.0
'use strict'
/**
 * The hosts of this very thread: who waits for one of them without letting the event loop run waits for ever.
 */

const fs = require('node:fs')
const path = require('node:path')

/** Where the library has the sockets of hosts. */
function defaultFolder () {
  const { XDG_RUNTIME_DIR: runtime } = process.env
  return runtime ? path.join(runtime, 'oro-ipc') : path.join('/tmp', `oro-ipc-${process.getuid()}`)
}

const keyOf = (name, folder) => path.resolve(folder ?? defaultFolder(), name)

const names = new Set()
/** Sockets that lead to hosts of this thread: their inodes, by descriptor, whose number may be another's by now. */
const sockets = new Map()

const inodeOf = fd => fs.fstatSync(fd, { bigint: true }).ino

/** A host is open under this name. */
const add = (name, folder) => { if (name !== null) names.add(keyOf(name, folder)) }

/** It is closed. */
const remove = (name, folder) => { if (name !== null) names.delete(keyOf(name, folder)) }

/** A descriptor that leads to a host of this thread. */
const addSocket = fd => { sockets.set(fd, inodeOf(fd)) }

/** Whether a link to there would be one to this thread. */
function has ({ name, fd, folder }) {
  if (fd === undefined) return names.has(keyOf(name, folder))
  return sockets.has(fd) && sockets.get(fd) === inodeOf(fd)
}

/** Throws a TypeError for what can be no folder of sockets. */
function checkFolder (folder) {
  if (folder === undefined || folder === null || (typeof folder === 'string' && folder !== '')) return
  throw new TypeError(`the option folder is the path of a folder of sockets, not ${folder === '' ? 'an empty text' : typeof folder}`)
}

module.exports = { add, addSocket, checkFolder, has, remove }

// SPDX-License-Identifier: Apache-2.0
'use strict'
/**
 * The realm's connection to its host: named by `connect`, or by the environment variable `ORO_IPC_HOST`, which holds a name
 * or `fd:N`. A worker has a link of its own to the host that its parent named.
 */

const fs = require('node:fs')
const { getEnvironmentData, isMainThread, setEnvironmentData } = require('node:worker_threads')
const { NetworkError } = require('./errors.js')
const { Link } = require('./link.js')
const ownHosts = require('./own-hosts.js')

const INHERITED = 'oro-ipc.host'

const NAME = /^[A-Za-z0-9._-]{1,64}$/

let target = null
let link = null
const watchers = new Set()

/** A target of the text that names it. */
function parse (text) {
  const descriptor = /^fd:(\d+)$/.exec(text)?.[1]
  return descriptor === undefined ? { name: text } : { fd: Number(descriptor) }
}

/** Throws a TypeError for what can be no host. */
function check (to) {
  const { name, fd, folder } = to
  ownHosts.checkFolder(folder)
  if ((name === undefined) === (fd === undefined)) throw new TypeError('connect() takes the name of a host, or a descriptor')
  if (fd === undefined) {
    if (typeof name !== 'string' || !NAME.test(name)) throw new TypeError(`'${String(name)}' cannot name a host: 1 to 64 of A-Z a-z 0-9 . _ -`)
  } else if (!Number.isInteger(fd) || fd < 3 || fd > 0x7fffffff) {
    throw new TypeError(`${String(fd)} is no descriptor of a host: it is taken over, and 0 to 2 are the standard streams`)
  }
  return to
}

/** Throws a TypeError for a descriptor that is no socket: it would be taken over, and closed. */
function checkSocket (fd) {
  let isSocket = false
  try {
    isSocket = fs.fstatSync(fd).isSocket()
  } catch {
    // It is none that is open.
  }
  if (!isSocket) throw new TypeError(`${fd} is no descriptor of a host: it is not an open socket`)
}

/** Whom this realm is to connect to; `null` when nobody said. */
function findTarget () {
  if (target) return target
  const inherited = isMainThread ? null : getEnvironmentData(INHERITED)
  if (inherited) target = inherited
  else if (process.env.ORO_IPC_HOST) target = check(parse(process.env.ORO_IPC_HOST))
  return target
}

/** Opens a link to `to`, and makes it the realm's. */
function openTo (to) {
  if (to.fd !== undefined) {
    if (!isMainThread && to.isTaken) throw new NetworkError('the descriptor of the host is used by the main thread; give workers the name of a host')
    if (to.isTaken) throw new NetworkError(`the link over descriptor ${to.fd} is over, and cannot be opened again`)
    checkSocket(to.fd)
  }
  const isOwnThreads = ownHosts.has(to)
  if (to.fd !== undefined) to.isTaken = true
  const opened = new Link(to.name ?? to.fd, { ...to, isOwnThreads })
  link = opened
  for (const watcher of watchers) watcher(opened)
  return opened
}

/**
 * The realm's link, opened when there is none; a host that was started again under its name is found again. It may be connecting yet: what is
 * asked of it waits. Throws a NetworkError that says what is known to be wrong at once.
 * @returns {Link}
 */
function open () {
  if (link && !link.ending) return link
  const to = findTarget()
  if (!to) {
    throw new NetworkError("there is no host: name one in the environment variable ORO_IPC_HOST, or call connect() of 'oro-ipc'")
  }
  return openTo(to)
}

/** Whether there is a link to a host, or one that is being made. Never throws. */
function isOpen () {
  try {
    return Boolean(open())
  } catch {
    return false
  }
}

/** The realm's link, once it is there; `null` where no host can be reached. */
async function reach () {
  try {
    return await open().ready
  } catch {
    return null
  }
}

/**
 * Connects this realm, and workers it starts later, to a host, without waiting for it: `ready` of the link does. An earlier link is closed.
 * @param {string | { name?: string, fd?: number, folder?: string, copy?: boolean, readOnly?: boolean }} host a name, or `fd:N`
 * @returns {Link}
 */
function connect (host) {
  const to = check(typeof host === 'string' ? parse(host) : { ...host })
  const earlier = link
  const opened = openTo(to)
  target = to
  setEnvironmentData(INHERITED, to)
  earlier?.close()
  return opened
}

/** Closes the realm's link, and forgets its host. */
function disconnect () {
  link?.close()
  link = null
  target = null
  setEnvironmentData(INHERITED, undefined)
}

/** Calls `watcher` with each link the realm opens from now on. */
const onOpen = watcher => { watchers.add(watcher) }

module.exports = { connect, disconnect, isOpen, onOpen, open, reach, current: () => link }

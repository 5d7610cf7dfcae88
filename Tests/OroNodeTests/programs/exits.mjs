// SPDX-License-Identifier: Apache-2.0
// Talks to its host in all ways, and ends by itself: nothing keeps it.

import { request, send, sendSync, write } from 'oro:ipc'
import { events } from '../package-events.mjs'

events.addEventListener('never', () => {})
sendSync('ping')
await Promise.all([send('ping'), request('ping'), write('echo', null, Buffer.alloc(100_000)), request('wait', { ms: 1e6 }, { timeout: 5 })])
process.on('exit', () => console.log('exit'))

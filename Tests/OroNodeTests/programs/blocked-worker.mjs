// SPDX-License-Identifier: Apache-2.0
// A worker that waits in `sendSync` when its process exits, or when it is terminated.

import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { sendSync } from 'oro:ipc'

if (isMainThread) {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { command: process.argv[3] ?? 'wait' } })
  await once(worker, 'message')
  if (process.argv[3] === 'echo') for (let i = 0; i < 20; i++) await pause(10)
  // It is about to wait, or waits.
  await pause(100)
  if (process.argv[2] === 'terminate') {
    console.log('ended', await worker.terminate(), sendSync('ping').data)
  } else {
    console.log('exits')
    process.exit(7)
  }
} else {
  sendSync('ping')
  parentPort.postMessage('waits')
  if (workerData.command === 'wait') sendSync('wait', { ms: 3_600_000 })
  for (;;) sendSync('echo', 'x')
}

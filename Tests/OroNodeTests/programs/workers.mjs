// SPDX-License-Identifier: Apache-2.0
// Workers that talk to the host at once, each over a link of its own; one is ended in the middle of its calls.

import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'
import { request, send, sendSync } from 'oro:ipc'

const file = fileURLToPath(import.meta.url)

if (isMainThread) {
  const start = data => new Worker(file, { workerData: data })
  const told = worker => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  const ended = worker => new Promise(resolve => worker.once('exit', resolve))
  const workers = Array.from({ length: 4 }, (_, i) => start(i + 1))
  const exits = workers.map(ended)
  const sums = await Promise.all(workers.map(told))
  console.log(sums.join(' '))
  const endless = start('endless')
  const end = ended(endless)
  await told(endless)
  await endless.terminate()
  await end
  await Promise.all(exits)
  console.log(sendSync('ping').data, (await send('ping')).data)
} else if (workerData === 'endless') {
  for (let i = 0; i < 100; i++) send('wait', { ms: 3_600_000 })
  request('make', { count: 1 << 20, fill: 1 })
  send('ping').then(() => parentPort.postMessage('under way'))
} else {
  let sum = 0
  for (let i = 0; i < 1000; i++) sum += sendSync('echo', workerData).data
  for (const { data } of await Promise.all(Array.from({ length: 1000 }, () => request('echo', workerData)))) sum += data
  const { data } = await request('make', { count: 1 << 20, fill: workerData })
  parentPort.postMessage(sum + data[data.length - 1])
}

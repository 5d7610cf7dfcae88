import { request, sendSync } from 'oro:ipc'

// The result is one, and no number.
const wrong: number = sendSync('ping')
console.log(wrong)

declare module 'oro:ipc' {
  interface Commands { 'fs.stat': { value: { path: string }, data: { size: number } } }
}

// Neither what is sent, nor what comes, nor a value that is left out.
void request('fs.stat', { path: 5 })
void request('fs.stat', { path: 'x' }).then(({ data }) => data.name)
void request('fs.stat')

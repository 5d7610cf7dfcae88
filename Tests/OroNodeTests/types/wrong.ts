import { sendSync } from 'oro:ipc'

// The result is one, and no number.
const wrong: number = sendSync('ping')
console.log(wrong)

import oro from './index.js'

export const { connect, disconnect, errors, events, meet, openPort } = oro
export default oro

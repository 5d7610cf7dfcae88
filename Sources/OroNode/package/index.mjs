import oro from './index.js'

export const { connect, disconnect, errors, events } = oro
export default oro

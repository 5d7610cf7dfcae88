// SPDX-License-Identifier: Apache-2.0
'use strict'

module.exports = {
  /** Status of a result that succeeded. */
  OK: 0,
  /** Status of a result that failed. */
  ERROR: 1,
  /** Milliseconds that a request waits when it is to have a limit and none is given. */
  TIMEOUT: 32000
}

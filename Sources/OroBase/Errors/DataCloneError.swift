// SPDX-License-Identifier: Apache-2.0

extension IPCError {
    /// A value, or what goes with it, cannot be posted.
    package static func dataClone(_ message: String) -> IPCError {
        IPCError(name: "DataCloneError", message: message, code: "DATA_CLONE_ERR")
    }
}

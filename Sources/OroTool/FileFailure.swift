// SPDX-License-Identifier: Apache-2.0

import OroIPC

/// A system call about a file failed.
package struct FileFailure: Error {
    /// The errno.
    package let number: Int32
    private let reason: String?

    /// `reason`: what happened, where that is clearer than what the system says about the number.
    package init(_ number: Int32, _ reason: String? = nil) {
        self.number = number
        self.reason = reason
    }

    /// Such as `ENOENT`.
    package var name: String { Errno.name(Int(number)) ?? "SystemError" }

    /// Such as `No such file or directory`.
    package var text: String { reason ?? Errno.message(Int(number)) ?? "System error \(number)" }
}

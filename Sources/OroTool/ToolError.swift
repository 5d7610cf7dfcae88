// SPDX-License-Identifier: Apache-2.0

import OroIPC

/// Why a command ends without doing what was asked. The text goes to standard error.
package struct ToolError: Error {
    /// The exit codes of the tool.
    package enum Code: Int32 {
        /// The result is an error, or what was to be checked does not hold.
        case failed = 1
        /// The command line, or a file it names, is wrong.
        case usage = 2
        /// There is no link to the host.
        case noLink = 3
        /// Ended by Ctrl-C: 128 and the number of the signal.
        case interrupted = 130
    }

    package var code: Code
    /// Empty when everything has been said already.
    package var message: String

    package init(_ code: Code, _ message: String = "") {
        self.code = code
        self.message = message
    }

    /// A link that could not be made.
    package init(_ error: LinkError) {
        if case .badName = error { code = .usage } else { code = .noLink }
        message = error.description
    }
}

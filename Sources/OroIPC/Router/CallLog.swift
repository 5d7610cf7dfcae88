// SPDX-License-Identifier: Apache-2.0

import Logging
import OroLink

/// Middleware that logs each call: its route, who made it, how long it took, and what came of it.
///
/// ```swift
/// host.router.use(CallLog(logger))                    // failures as notices, others at debug level
/// ```
///
/// Parameters and results are not logged: they may be anybody's secrets.
public struct CallLog: Middleware {
    private let logger: Logger
    private let level: Logger.Level
    private let failureLevel: Logger.Level

    /// Logs with `logger`: calls that fail at `failureLevel`, others at `level`.
    public init(_ logger: Logger, level: Logger.Level = .debug, failureLevel: Logger.Level = .notice) {
        self.logger = logger
        self.level = level
        self.failureLevel = failureLevel
    }

    public func after(_ call: RouteCall, _ result: inout Result) {
        let level = result.isOK ? level : failureLevel
        if level < logger.logLevel { return }
        let nanoseconds = call.duration.nanoseconds
        var metadata: Logger.Metadata = [
            "route": "\(call.name)", "process": "\(call.peer.processID)", "user": "\(call.peer.userID)",
            "client": "\(call.client.map { "\($0.id)" } ?? "host")",
            "microseconds": "\(nanoseconds / 1000)",
        ]
        if let error = result.err { metadata["error"] = "\(error)" }
        logger.log(level: level, result.isOK ? "called" : "failed", metadata: metadata)
    }
}

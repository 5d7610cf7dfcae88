// SPDX-License-Identifier: Apache-2.0

/// What users have of a port, as its end knows it: `IPCMessagePort` is the one there is.
package protocol PortHandle: AnyObject, Sendable {
    /// It may not use its end any more. With the lock.
    func lose()
}

/// Who listens at a port.
package protocol PortAudience: AnyObject, Sendable {
    var isEmpty: Bool { get }
    /// Tells those who listen to it what was taken. Without the lock.
    func receive(_ taken: LocalPort.Taken)
    /// Nobody listens any more. What comes back is for the caller to let go of, without the lock.
    func removeAll() -> any Sendable
}

/// What takes in whatever comes to a port, before anything else of its link is read. Without the lock.
package protocol PortDrain: AnyObject, Sendable {
    func drain()
}

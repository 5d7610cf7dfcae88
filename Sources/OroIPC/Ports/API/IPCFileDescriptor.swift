// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
public import OroLink

/// A file descriptor that a structured value has in it, to go along with a message of a port: a regular file (memory of
/// `memfd_create` is one), a pipe or a socket.
///
/// ```swift
/// let pipe = try IPCFileDescriptor(duplicating: readEnd)
/// try port.postMessage(["log": .descriptor(pipe)])
///
/// // … and where it comes:
/// let log = event.data["log"]?.descriptor
/// var buffer = [UInt8](repeating: 0, count: 4096)
/// try log?.withNumber { number in read(number, &buffer, buffer.count) }
/// ```
///
/// It is closed when nobody refers to it any more. Posting it gives the other end a descriptor of its own for the same
/// open file, as `dup` does, with one position for both; this one stays as it is. Copies of this value are the same
/// descriptor.
public struct IPCFileDescriptor: Sendable {
    package let passed: PassedDescriptor

    package init(_ passed: PassedDescriptor) { self.passed = passed }

    /// What it is.
    public var kind: DescriptorKind { passed.kind }

    /// A descriptor of its own, close-on-exec, for what `number` stands for; `number` stays the caller's.
    ///
    /// Throws a `DataCloneError` that says what it is, when it is none of these kinds: a directory, device, epoll or
    /// io_uring, one opened with `O_PATH`, …; and when it is none at all, or the process may have no more.
    public init(duplicating number: Int32) throws(IPCError) {
        let own: Descriptor
        do throws(LinkError) {
            own = try PassedDescriptor.duplicate(number)
        } catch {
            throw .dataClone("descriptor \(number): \(error)")
        }
        try self.init(checking: number, own)
    }

    /// Takes `number` over, which belongs to this value from now on, also when this throws: it is closed then. Throws
    /// as ``init(duplicating:)``.
    public init(taking number: Int32) throws(IPCError) { try self.init(checking: number, Descriptor(number)) }

    private init(checking number: Int32, _ descriptor: consuming Descriptor) throws(IPCError) {
        do throws(DescriptorRefusal) {
            passed = try PassedDescriptor(descriptor)
        } catch {
            throw .dataClone("descriptor \(number) cannot go along with a message: \(error)")
        }
    }

    /// Runs `body` with its number, which means something until `body` returns. Do not close it.
    public func withNumber<R: ~Copyable, E: Error>(_ body: (Int32) throws(E) -> R) throws(E) -> R {
        defer { withExtendedLifetime(passed) {} }
        return try body(passed.number)
    }

    /// A further descriptor for the same open file, close-on-exec, which the caller closes. Throws when the process may
    /// have no more.
    public func duplicate() throws(IPCError) -> Int32 {
        do throws(LinkError) {
            return try PassedDescriptor.duplicate(passed.number).release()
        } catch {
            throw IPCError(error)
        }
    }
}

// SPDX-License-Identifier: Apache-2.0

import CSupport

/// What a descriptor may be that goes along with a message: what can be read, written and closed, and gives no way to
/// anything else.
public enum DescriptorKind: Sendable, Hashable {
    /// A regular file; memory of `memfd_create` is one.
    case file
    /// Either end of a pipe, or a FIFO.
    case pipe
    /// A socket of any kind.
    case socket

    /// UNTRUSTED: what `number` is. Throws what else it is.
    package static func of(_ number: Int32) throws(DescriptorRefusal) -> DescriptorKind {
        switch oro_descriptor_kind(number) {
        case Int32(ORO_IS_FILE): .file
        case Int32(ORO_IS_PIPE): .pipe
        case Int32(ORO_IS_SOCKET): .socket
        case Int32(ORO_IS_DIRECTORY): throw DescriptorRefusal(what: "a directory")
        case Int32(ORO_IS_DEVICE): throw DescriptorRefusal(what: "a device")
        case Int32(ORO_IS_PATH): throw DescriptorRefusal(what: "a place in the file system (O_PATH)")
        case let errno where errno < 0: throw DescriptorRefusal(what: "none that can be looked at: errno \(-errno)")
        default: throw DescriptorRefusal(what: "an object of the kernel's (epoll, eventfd, io_uring, pidfd, …)")
        }
    }
}

/// A descriptor of a kind that does not go along with messages.
package struct DescriptorRefusal: Error, CustomStringConvertible {
    let what: String

    package var description: String { "it is \(what); regular files, pipes and sockets can go along" }
}

/// A descriptor that came from a peer, or may go to one: closed with the last reference to it.
// Sendable: constant.
@safe package final class PassedDescriptor: @unchecked Sendable {
    private let descriptor: Descriptor
    package let kind: DescriptorKind

    /// Takes it over; one of a wrong kind is closed. Its file may be anybody's, so that it is closed where that may
    /// wait.
    package init(_ descriptor: consuming Descriptor, _ charge: ResourceCharge? = nil) throws(DescriptorRefusal) {
        let received = Descriptor(descriptor.release(), .received, charge)
        kind = try DescriptorKind.of(received.number)
        self.descriptor = received
        // The user's: a forked child has it as every other descriptor of the user's.
        oro_fork_forget_descriptor(self.descriptor.number)
    }

    package var number: Int32 { descriptor.number }

    /// A further descriptor of the same open file, close-on-exec, which is the caller's.
    package static func duplicate(_ number: Int32) throws(LinkError) -> Descriptor {
        try Descriptor(checking: oro_duplicate(number), "F_DUPFD_CLOEXEC")
    }
}

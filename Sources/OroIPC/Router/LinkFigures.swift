// SPDX-License-Identifier: Apache-2.0

/// What a host has done for one client. The host's thread adds, any may look: nothing is summed before somebody asks.
final class LinkFigures: Sendable {
    /// Requests and posts that reached the router.
    let requests = CopyCount()
    /// Payload bytes copied in user space, out of rings and into ours.
    let copied = CopyCount()
}

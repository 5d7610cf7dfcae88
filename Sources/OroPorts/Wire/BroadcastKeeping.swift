// SPDX-License-Identifier: Apache-2.0

/// How a subscriber is served that takes messages more slowly than they are posted.
public enum BroadcastKeeping: Int64, Sendable, Hashable {
    /// Up to 256 messages, or 64 MiB, wait for it; further ones it misses, and is told how many with a `missed` event.
    /// It also misses some while more than ``PortOptions/broadcastBytesPerLink`` wait for all subscriptions of its
    /// client.
    case all = 0
    /// One message is on its way to it; of those that are posted meanwhile it gets the last.
    case latest = 1
}

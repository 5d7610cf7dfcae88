// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroLink

extension IPCError {
    /// How far a request came that has no answer.
    public enum Delivery: String, Sendable, CaseIterable {
        /// It did not reach the host. Sending it again does nothing twice.
        case notSent = "not-sent"
        /// The host has it, and has not begun with it. Sending it again, to this host or another, does nothing twice.
        case refused
        /// The link ended before an answer came: the handler may have run, in part or to its end, or not at all.
        case unknown
    }

    /// How far the request came that this is the error of; `nil` where it is the host's answer, and for errors that are
    /// not about the way to the host. On the wire, in JSON and in JavaScript it is the member `delivery`.
    public var delivery: Delivery? {
        get { extra["delivery"]?.string.flatMap { Delivery(rawValue: $0) } }
        set { extra["delivery"] = newValue.map { .string($0.rawValue) } }
    }

    /// The same error, of a request that came this far.
    package func delivered(_ delivery: Delivery) -> IPCError {
        var error = self
        error.delivery = delivery
        return error
    }

    /// As an error of a link is told to whoever has a request that came this far. An error that is about the request,
    /// and leaves the link as it is, says nothing of it.
    package init(_ error: LinkError, _ delivery: Delivery) {
        self.init(error)
        if name == Class.network.name { self.delivery = delivery }
    }
}

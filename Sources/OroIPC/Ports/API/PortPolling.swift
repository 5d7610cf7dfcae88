// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import OroPorts

// Polling API for callers outside Swift concurrency.

/// What a message of a port says, as it is encoded (`docs/structured-values.md`), until somebody wants to see it as a
/// value.
package struct PortMessage: Sendable {
    let content: PortContent
    /// The ports that came, or go, with it, in the order of their numbers.
    package let ports: [IPCMessagePort]

    fileprivate init(_ content: PortContent, _ ports: [IPCMessagePort]) {
        self.content = content
        self.ports = ports
    }

    /// One that is encoded already: whoever gets it checks it. `buffers` and `ports` are those that it names.
    ///
    /// Throws a `DataCloneError` for too many buffers, and for an empty one: that stands in the value.
    package init(_ encoded: EncodedValue, buffers: [Bytes], ports: [IPCMessagePort]) throws(IPCError) {
        guard buffers.count <= PortLimits.buffers else {
            throw .dataClone("\(buffers.count) buffers beside one message; at most \(PortLimits.buffers)")
        }
        if buffers.contains(where: \.isEmpty) { throw .dataClone("an empty buffer beside a message") }
        self.init(PortContent(form: .encoded(encoded), buffers: buffers), ports)
    }

    /// A value as it is encoded; ports in it are numbered as in `ports`.
    package init(_ value: StructuredValue, ports: [IPCMessagePort]) throws(IPCError) {
        self.init(try PortContent(value, transfer: ports), ports)
    }

    /// Buffers beside it of fewer bytes stand better in the value, unless there is just one.
    package static let smallBuffer = PortContent.smallBuffer

    /// UNTRUSTED: what it says. Throws a `DataCloneError` for what is no structured value.
    package func decode() throws(IPCError) -> StructuredValue { try content.decode(ports: ports) }

    /// The buffers it names, in the order of their numbers.
    package var buffers: [Bytes] { content.allBuffers.array }

    /// Its value where it lies; `nil` when it was made here.
    package var encodedPart: EncodedPart? {
        if case .frame(let frame) = content.form, let storage = frame as? FrameStorage {
            EncodedPart(storage)
        } else {
            nil
        }
    }

    /// Its value as bytes. O(n).
    package func encoded() throws(FrameError) -> [UInt8] {
        switch content.form {
        case .frame(let storage): storage.encodedValue.bytes
        case .encoded(let encoded): encoded.bytes
        case .short(let short): short.encoded.bytes
        case .value(let value): try value.encoded()
        }
    }
}

/// What has come to a port.
package enum PortArrival: Sendable {
    case message(PortMessage)
    /// So many messages were missed by a subscription.
    case missed(Int64)
    /// The other end is closed; why, where it was not closed by its owner. Nothing follows.
    case closed(reason: String?)
}

extension IPCMessagePort {
    /// What has come next; `nil` when nothing has.
    package func poll() -> PortArrival? {
        guard let taken = owned({ $0.takeNext() }), let taken else { return nil }
        switch taken {
        case .closed(let reason): return .closed(reason: reason)
        case .message(let parcel):
            let ports = parcel.transferred.map { port in port.withLock { _ in port.own() } }
            return .message(PortMessage(parcel.content, ports))
        }
    }

    /// Calls `action` once, on whatever thread, when ``poll()`` finds something, or never will. False: it does now, or
    /// the port is closed. One at a time: a later one takes the place of an earlier one.
    package func whenNews(_ action: @escaping @Sendable () -> Void) -> Bool {
        owned { $0.wait(.callback(action)) } ?? false
    }

    /// Calls `action` once, on whatever thread, when there is room for a message, or nobody to post to. False: there is
    /// now.
    package func whenRoom(_ action: @escaping @Sendable () -> Void) -> Bool {
        owned { $0.waitForRoom(.callback(action)) != nil } ?? false
    }

    /// Posts a value as ``postMessage(_:transfer:)`` does; false when there is no room.
    package func tryPost(_ value: StructuredValue, transfer: [IPCMessagePort]) throws(IPCError) -> Bool {
        guard try maySend(transfer) else { return true }
        return try post(PortContent(value, transfer: transfer), transfer)
    }

    /// The same for a message that is encoded; `transfer` are its own ports, and perhaps more behind them.
    package func tryPost(_ message: PortMessage, transfer: [IPCMessagePort]) throws(IPCError) -> Bool {
        guard try maySend(transfer) else { return true }
        for (index, port) in message.ports.enumerated() where index >= transfer.count || transfer[index] !== port {
            throw .dataClone("port \(port.id) is in the value, and not in its place in the transfer list")
        }
        return try post(message.content, transfer)
    }
}

extension IPCBroadcastChannel {
    /// As ``IPCMessagePort/poll()``; what is no broadcast is left out.
    package func poll() -> PortArrival? {
        while let arrival = port.poll() {
            guard case .message(let message) = arrival else { return arrival }
            guard let value = try? message.decode() else { continue }
            switch BroadcastForm(value) {
            case .missed(let count): return .missed(count)
            case .message(_, let data): if let message = try? PortMessage(data, ports: []) { return .message(message) }
            case nil: continue
            }
        }
        return nil
    }

    /// As ``IPCMessagePort/whenNews(_:)``.
    package func whenNews(_ action: @escaping @Sendable () -> Void) -> Bool { port.whenNews(action) }

    /// As ``IPCMessagePort/whenRoom(_:)``.
    package func whenRoom(_ action: @escaping @Sendable () -> Void) -> Bool { port.whenRoom(action) }

    /// Posts a value as ``postMessage(_:origin:)`` does; false when there is no room.
    package func tryPost(_ value: StructuredValue, origin: String?) throws(IPCError) -> Bool {
        try port.tryPost(try said(value, origin), transfer: [])
    }
}

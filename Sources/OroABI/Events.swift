// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroFrame
import OroIPC

// What a host tells without being asked, and what its clients hear.

/// The failure behind an event or a push that could not be sent.
private func sent(_ body: () throws(IPCError) -> Void) throws(Failure) {
    do throws(IPCError) {
        try body()
    } catch {
        switch error.name {
        case "RangeError": throw Failure(OROIPC_TOO_LARGE, error.description)
        case "TypeError": throw Failure(OROIPC_INVALID, error.description)
        case "QuotaExceededError": throw Failure(OROIPC_BUSY, error.description)
        default: throw Failure(OROIPC_CLOSED, error.description)
        }
    }
}

/// The client with this number.
func connected(_ id: UInt64, _ host: Host) throws(Failure) -> ConnectedClient {
    guard let client = host.client(id) else { throw Failure(OROIPC_NOT_FOUND, "no client \(id) is connected") }
    return client
}

@c @implementation
public func oroipc_host_emit(
    _ pointer: OpaquePointer?, _ client: UInt64, _ name: UnsafePointer<CChar>?, _ value: UnsafePointer<oroipc_value>?,
    _ payload: OpaquePointer?
) -> oroipc_status {
    status { () throws(Failure) in
        let host = try unsafe host(pointer).host
        let name = try unsafe required(name, "name")
        let value = try unsafe GivenValue(value).tree()
        let bytes = unsafe BytesHandle.at(payload)?.bytes
        if client == 0 {
            try sent { () throws(IPCError) in try host.emit(name, value, bytes: bytes) }
        } else {
            let one = try connected(client, host)
            try sent { () throws(IPCError) in try one.emit(name, value, bytes: bytes) }
        }
    }
}

@c @implementation
public func oroipc_host_push(_ pointer: OpaquePointer?, _ client: UInt64, _ result: OpaquePointer?) -> oroipc_status {
    status { () throws(Failure) in
        let host = try unsafe host(pointer).host
        guard let pushed = unsafe ResultHandle.at(result)?.result else { throw .null("result") }
        if pushed.hasFailed { throw .invalid("an error answers a request; it cannot be pushed") }
        let receivers = client == 0 ? host.clients : [try connected(client, host)]
        for receiver in receivers {
            try sent { () throws(IPCError) in
                try receiver.push(pushed.data, bytes: pushed.bytes, headers: pushed.headers)
            }
        }
    }
}

@c @implementation
public func oroipc_host_invoke(
    _ pointer: OpaquePointer?, _ call: UnsafePointer<oroipc_call>?, _ completion: oroipc_completion?,
    _ context: UnsafeMutableRawPointer?
) -> oroipc_status {
    status { () throws(Failure) in
        let host = try unsafe host(pointer).host
        let given = try unsafe GivenCall(call, CommandNames.none)
        try given.refuseBody("a command of the host's own")
        let value = try given.tree()
        let callback = unsafe completion.map { unsafe Callback(function: $0, context: context) }
        // Read after this returns: a copy.
        let isTaken = host.invoke(
            given.command, value, bytes: given.keptBytes, headers: given.options?.headers
        ) { [weak host] result in
            guard let callback = unsafe callback else { return }
            host?.onThread {
                let handle = ResultHandle(result)
                unsafe callback.function(handle.lent, callback.context)
                withExtendedLifetime(handle) {}
            }
        }
        if !isTaken {
            throw Failure(OROIPC_NOT_FOUND, "no route answers '\(given.command)', or only with a stream")
        }
    }
}

@c @implementation
public func oroipc_client_listen(
    _ pointer: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ listener: oroipc_listener?,
    _ context: UnsafeMutableRawPointer?, _ destroy: oroipc_done?, _ token: UnsafeMutablePointer<UInt64>?
) -> oroipc_status {
    let kept = unsafe Kept(context, destroy)
    return status { () throws(Failure) in
        let handle = try unsafe client(pointer)
        let name = try unsafe required(name, "name")
        let call = try unsafe ListenerInC(listener, kept)
        guard let token = unsafe token else { throw .null("token") }
        // C says that it points to a number.
        unsafe token.pointee = handle.client.events.listen(name) { event in call(.event(event)) }
    }
}

@c @implementation
public func oroipc_client_unlisten(_ pointer: OpaquePointer?, _ token: UInt64) -> oroipc_status {
    status { () throws(Failure) in
        guard try unsafe client(pointer).client.events.unlisten(token) else {
            throw Failure(OROIPC_NOT_FOUND, "no listener has the token \(token)")
        }
    }
}

@c @implementation
public func oroipc_client_emit(
    _ pointer: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ value: UnsafePointer<oroipc_value>?,
    _ payload: OpaquePointer?
) -> oroipc_status {
    status { () throws(Failure) in
        let handle = try unsafe client(pointer)
        let name = try unsafe required(name, "name")
        let bytes = unsafe BytesHandle.at(payload)?.bytes
        handle.client.events.dispatch(Event(name, try unsafe GivenValue(value).tree(), bytes: bytes))
    }
}

@c @implementation
public func oroipc_client_on_end(
    _ pointer: OpaquePointer?, _ ending: oroipc_ending?, _ context: UnsafeMutableRawPointer?
) -> oroipc_status {
    status { () throws(Failure) in
        let handle = try unsafe client(pointer)
        let callback = unsafe ending.map { unsafe Callback(function: $0, context: context) }
        let isNew = handle.ending.withLock { ending in
            defer { unsafe ending.callback = unsafe callback }
            if unsafe callback == nil || ending.isAwaited { return false }
            ending.isAwaited = true
            return true
        }
        guard isNew else { return }
        let deliveries = handle.deliveries
        handle.client.onEnd { [weak handle] in
            deliveries.add { [weak handle] in handle?.tellEnd() }
        }
    }
}

@c @implementation
public func oroipc_client_on_state(
    _ pointer: OpaquePointer?, _ change: oroipc_state_change?, _ context: UnsafeMutableRawPointer?,
    _ destroy: oroipc_done?
) -> oroipc_status {
    let kept = unsafe Kept(context, destroy)
    return status { () throws(Failure) in
        let handle = try unsafe client(pointer)
        let listener = unsafe change.map { unsafe StateListener($0, kept) }
        // Dropped outside the lock: its context is the caller's.
        let before = handle.states.withLock { states in
            defer { states = (listener, nil) }
            return states
        }
        if let token = before.token { handle.client.stopObserving(token) }
        guard let listener else { return }
        let deliveries = handle.deliveries
        let token = handle.client.observe { [weak handle, weak listener] state in
            deliveries.add { [weak handle, weak listener] in
                guard let handle, let listener else { return }
                unsafe listener.tell(handle.lent, state)
            }
        }
        let isCurrent = handle.states.withLock { states in
            guard states.listener === listener else { return false }
            states.token = token
            return true
        }
        if !isCurrent { handle.client.stopObserving(token) }
    }
}

/// Whom to tell of a client's states, as long as it lives.
@safe final class StateListener: @unchecked Sendable {
    // Sendable: constant; the header says on which thread it is called.
    private let function: oroipc_state_change
    private let kept: Kept

    init(_ function: @escaping oroipc_state_change, _ kept: Kept) {
        unsafe self.function = function
        self.kept = kept
    }

    fileprivate func tell(_ client: OpaquePointer, _ state: ClientState) {
        let (code, reason) =
            switch state {
            case .connected: (OROIPC_CLIENT_CONNECTED, "")
            case .reconnecting(let why): (OROIPC_CLIENT_RECONNECTING, why.description)
            case .closed(let why): (OROIPC_CLIENT_CLOSED, why.description)
            }
        unsafe reason.withCString { unsafe function(client, Int32(code), $0, kept.context) }
    }
}

extension ClientHandle {
    /// Whom to tell that the link is over.
    @safe struct Ending: @unchecked Sendable {
        // Sendable: behind a lock.
        var callback: Callback<oroipc_ending>?
        var isAwaited = false
    }

    fileprivate func tellEnd() {
        let callback = unsafe ending.withLock { ending in
            defer { ending = Ending() }
            return unsafe ending.callback
        }
        if let callback = unsafe callback { unsafe callback.function(lent, callback.context) }
    }
}

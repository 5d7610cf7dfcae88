// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroLink

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The client behind ``IPC``, and where it connects to.
final class DefaultClient: Sendable {
    enum Target {
        case named(String, ClientOptions)
        case descriptor(Int32, ClientOptions)

        /// As `ORO_IPC_HOST` says it: a name, or `fd:N`. `nil` for `fd:` with something that is no descriptor.
        init?(_ text: String) {
            guard text.hasPrefix("fd:") else {
                self = .named(text, ClientOptions())
                return
            }
            guard let number = Int32(text.dropFirst(3)), number >= 0 else { return nil }
            self = .descriptor(number, ClientOptions())
        }
    }

    private struct State {
        var target: Target?
        var client: Client?
        /// Why there is no client, where the target cannot be tried again: a descriptor leads to its host once.
        var failure: IPCError?
    }

    // Held while somebody connects: the others wait for that, and nobody connects twice.
    private let state = Locked(State())

    func connect(_ target: Target) throws(LinkError) -> Client {
        try state.withLock { (state) throws(LinkError) in
            let client = try DefaultClient.open(target)
            state = State(target: target, client: client)
            return client
        }
    }

    func close() {
        let client = state.withLock { state in
            defer { state = State() }
            return state.client
        }
        client?.close()
    }

    func client() throws(IPCError) -> Client {
        try state.withLock { (state) throws(IPCError) in
            if let failure = state.failure { throw failure }
            if let client = state.client {
                guard let ending = client.ending else { return client }
                if case .descriptor = state.target { throw IPCError(ending) }
            }
            let target: Target
            if let known = state.target { target = known } else { target = try DefaultClient.fromEnvironment() }
            state.target = target
            do throws(LinkError) {
                let client = try DefaultClient.open(target)
                state.client = client
                return client
            } catch {
                let failure = IPCError.network("the shared client cannot connect: \(error)")
                if case .descriptor = target { state.failure = failure }
                throw failure
            }
        }
    }

    private static func open(_ target: Target) throws(LinkError) -> Client {
        switch target {
        case .named(let name, let options): try Client.connect(name, options: options)
        case .descriptor(let number, let options): try Client(descriptor: number, options: options)
        }
    }

    private static func fromEnvironment() throws(IPCError) -> Target {
        // A C string, or NULL.
        let text = unsafe getenv("ORO_IPC_HOST").map { unsafe String(cString: $0) } ?? ""
        guard !text.isEmpty else {
            throw .network("no host is known: call IPC.connect, or set ORO_IPC_HOST to a host's name or to fd:N")
        }
        guard let target = Target(text) else {
            throw .network("ORO_IPC_HOST is '\(text)', neither a host's name nor fd: with the number of a descriptor")
        }
        return target
    }
}

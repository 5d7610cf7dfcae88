// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

/// The functions of the module `oro:ipc`, over one client that the whole process shares.
///
/// ```swift
/// try IPC.connect("demo")                      // or ORO_IPC_HOST=demo in the environment
/// let pong = await IPC.send("ping")
/// ```
///
/// Each is a method of ``Client`` too. The first call connects, where ``connect(_:options:)`` was not called: to the
/// host that the environment variable `ORO_IPC_HOST` names, or over the descriptor `N` that it gives as `fd:N`, which
/// is taken over. When the link to a named host has ended, the next call connects again, once; what was pending has
/// failed and is not repeated. A descriptor's link that has ended stays so. Where nobody can be reached, the result is
/// a `NetworkError` without source.
///
/// May be used from any thread. Connecting blocks the calling thread, for as long as the handshake may take at most.
public enum IPC {
    private static let shared = DefaultClient()

    /// Connects the shared client to the host of this name, in place of the one before, which goes on for those who
    /// have it.
    @discardableResult
    public static func connect(
        _ name: String, options: ClientOptions = ClientOptions()
    ) throws(LinkError) -> Client {
        try shared.connect(.named(name, options))
    }

    /// The same over a descriptor; see ``Client/init(descriptor:options:)``.
    @discardableResult
    public static func connect(
        descriptor: Int32, options: ClientOptions = ClientOptions()
    ) throws(LinkError) -> Client {
        try shared.connect(.descriptor(descriptor, options))
    }

    /// Ends the shared client's link and forgets where it went: the next call reads the environment again.
    public static func close() { shared.close() }

    /// The shared client, connected. Throws the `NetworkError` that calls get as their result.
    public static func client() throws(IPCError) -> Client { try shared.client() }

    /// See ``Client/send(_:_:bytes:options:)``.
    public static func send(
        _ command: String, _ value: Value? = nil, bytes: Bytes? = nil, options: CallOptions? = nil
    ) async -> Result {
        do throws(IPCError) {
            return await (try client()).send(command, value, bytes: bytes, options: options)
        } catch {
            return Result(err: error)
        }
    }

    /// See ``Client/sendSync(_:_:bytes:options:)``.
    public static func sendSync(
        _ command: String, _ value: Value? = nil, bytes: Bytes? = nil, options: CallOptions? = nil
    ) -> Result {
        do throws(IPCError) {
            return try client().sendSync(command, value, bytes: bytes, options: options)
        } catch {
            return Result(err: error)
        }
    }

    /// See ``Client/request(_:_:options:)``.
    public static func request(
        _ command: String, _ value: Value? = nil, options: CallOptions? = nil
    ) async -> Result {
        do throws(IPCError) {
            return await (try client()).request(command, value, options: options)
        } catch {
            return Result(err: error)
        }
    }

    /// See ``Client/write(_:_:_:options:)``.
    public static func write(
        _ command: String, _ value: Value? = nil, _ bytes: Bytes, options: CallOptions? = nil
    ) async -> Result {
        do throws(IPCError) {
            return await (try client()).write(command, value, bytes, options: options)
        } catch {
            return Result(err: error)
        }
    }

    /// See ``Client/postMessage(_:_:)-(Message,_)``. Throws a `NetworkError` when there is no host.
    public static func postMessage(_ message: Message, _ bytes: Bytes? = nil) throws(IPCError) {
        try client().postMessage(message, bytes)
    }

    /// See ``Client/postMessage(_:_:)-(String,_)``. Throws a `NetworkError` when there is no host.
    public static func postMessage(_ uri: String, _ bytes: Bytes? = nil) throws(IPCError) {
        try client().postMessage(uri, bytes)
    }

    /// See ``Client/emit(_:_:target:)``. Throws a `NetworkError` when there is no host, unless `target` says where to.
    @discardableResult
    public static func emit(
        _ name: String, _ value: Value? = nil, target: EventTarget? = nil
    ) throws(IPCError) -> Bool {
        guard let target else { return try client().emit(name, value) }
        return EmittedValue.dispatch(name, value, to: target, debug.logger)
    }

    /// See ``Client/resolve(_:_:)-(String,_)``. Throws a `NetworkError` when there is no host.
    @discardableResult
    public static func resolve(_ seq: String, _ value: Value?) throws(IPCError) -> Bool {
        try client().resolve(seq, value)
    }

    /// Waits until the shared client is connected, at most `limit`.
    ///
    /// Throws the error of the module, `Failed to resolve globalThis.__args`, whose `cause` says why; an `AbortError`
    /// in a cancelled task.
    public static func ready(waitingAtMost limit: Duration = .seconds(10)) async throws(IPCError) {
        let clock = ContinuousClock()
        let end = clock.now + limit
        var pause = Duration.milliseconds(1)
        while true {
            let why: IPCError
            do throws(IPCError) {
                _ = try client()
                return
            } catch {
                why = error
            }
            guard clock.now + pause < end else {
                throw IPCError(message: "Failed to resolve globalThis.__args", extra: ["cause": why.json])
            }
            do { try await clock.sleep(for: pause) } catch { throw .abort() }
            pause = min(pause * 2, .milliseconds(100))
        }
    }

    /// What the host says it is, see ``Client/primordials``; an empty object without a host.
    public static var primordials: Value { (try? client())?.primordials ?? .object([:]) }

    /// See ``Client/createBinding(_:_:)``; each call goes to whatever the shared client is then.
    public static func createBinding(
        _ domain: String? = nil, _ context: Binding.Context = Binding.Context()
    ) -> Binding {
        Binding(nil, domain, context)
    }
}

// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink

/// Sends commands to a host, and gets results back. Any number of threads and tasks may use one client at once.
///
/// ```swift
/// let client = try await Client.connect("demo")
/// let pong = client.sendSync("ping")                       // blocks this thread
/// let file = await client.request("fs.readFile", ["path": "notes.txt"], options: .deadline)
/// print(file.err ?? file.bytes!.count)
/// ```
///
/// Whatever goes wrong with a request is the `err` of its ``Result``; only connecting throws.
///
/// A client belongs to the process that made it. In a forked child everything on it fails with `LinkError.forked` (an
/// `InvalidStateError` where the error is an ``IPCError``), and the parent's link goes on as if nobody had forked; the
/// child makes a client of its own.
public final class Client: Sendable {
    let connection: ClientConnection

    /// What the present link has.
    var core: ClientCore { connection.core }

    /// Connects to the host of this name, and suspends the task until it is there. Throws `notListening`, `refused`,
    /// `handshakeTimeout`, …; `cancelled` when the task is.
    ///
    /// No thread waits meanwhile: the host may even be served by the one that the task runs on.
    public static func connect(
        _ name: String, options: ClientOptions = ClientOptions()
    ) async throws(LinkError) -> Client {
        try await connected(try handshake(name, options), options, name)
    }

    /// The same for code that is not in a task: blocks the calling thread until the host answers, at most
    /// ``ClientOptions/handshakeMilliseconds``. Throws `wouldBlock` on the thread that serves this host.
    public static func connect(
        _ name: String, options: ClientOptions = ClientOptions()
    ) throws(LinkError) -> Client {
        let handshake = try handshake(name, options)
        try LocalHosts.checkThread(name, SocketFolder(options.folder))
        return try Client(try handshake.finish(), options, name)
    }

    /// Connects over a descriptor that ``Host/makePeer()`` made, and takes it over: in a child process of the host.
    /// Blocks the calling thread until the host answers.
    public convenience init(descriptor: Int32, options: ClientOptions = ClientOptions()) throws(LinkError) {
        try self.init(try Client.handshake(descriptor: descriptor, options).finish(), options)
    }

    /// The same, and suspends the task meanwhile.
    public static func connect(
        descriptor: Int32, options: ClientOptions = ClientOptions()
    ) async throws(LinkError) -> Client {
        try await connected(try handshake(descriptor: descriptor, options), options, nil)
    }

    /// A handshake with the host of this name that has not begun.
    static func handshake(_ name: String, _ options: ClientOptions) throws(LinkError) -> ClientHandshake {
        if let wrong = Ring.problem(options.link) ?? options.problem { throw .badOptions(wrong) }
        return ClientHandshake(
            name, folder: SocketFolder(options.folder), limits: options.link,
            isIntroducible: options.allowsDirectLinks, takesDescriptors: options.allowsDescriptors,
            timeoutMilliseconds: Int32(clamping: options.handshakeMilliseconds))
    }

    /// The same with the host at the other end of `descriptor`, which it takes over.
    static func handshake(
        descriptor: Int32, _ options: ClientOptions
    ) throws(LinkError) -> ClientHandshake {
        let socket = Descriptor(descriptor, .socket)
        if let wrong = Ring.problem(options.link) ?? options.problem { throw .badOptions(wrong) }
        return ClientHandshake(
            socket, limits: options.link, isIntroducible: options.allowsDirectLinks,
            takesDescriptors: options.allowsDescriptors,
            timeoutMilliseconds: Int32(clamping: options.handshakeMilliseconds))
    }

    private static func connected(
        _ handshake: ClientHandshake, _ options: ClientOptions, _ name: String?
    ) async throws(LinkError) -> Client {
        // What cannot be is said at once.
        try handshake.begin()
        return try Client(try await ClientReactor.shared(options).finish(handshake), options, name)
    }

    /// `name`: of the host, to which it comes back; `nil`: nothing leads there again.
    convenience init(_ link: Link, _ options: ClientOptions, _ name: String? = nil) throws(LinkError) {
        let comesBack = name != nil && options.reconnect != nil
        self.init(try ClientCore(link, options, EventDispatcher(), comesBack: comesBack), name)
    }

    private init(_ core: ClientCore, _ name: String?) {
        connection = ClientConnection(core, name: name)
        connection.setOwner(self)
    }

    deinit { close() }

    /// Ends the link, for good: everything that waits gets a `NetworkError`. May be called again.
    public func close() { connection.close(.closed) }

    /// Who the host is, as the kernel says.
    public var host: PeerIdentity { core.link.peer }

    /// Why there is no link; `nil` while there is one. See also ``state``.
    public var ending: LinkError? { connection.ending }

    /// Runs tasks on the thread that receives for this client when nobody else does: what a result resumes there goes
    /// on without another thread or a wake-up.
    ///
    /// ```swift
    /// await withTaskExecutorPreference(try client.executor) {
    ///     for frame in frames { await client.write("show", nil, frame) }
    /// }
    /// ```
    ///
    /// Clients with the same backend and idle policy share the thread; a task that computes holds all of them up.
    /// Throws when no thread could be started.
    public var executor: ReactorExecutor { get throws(LinkError) { try core.executor() } }

    /// What it has seen so far; nothing in a forked child.
    public var statistics: ClientStatistics {
        let core = core
        if core.link.isForeign { return ClientStatistics() }
        let blocks = core.link.arena.figures
        let past = connection.past
        return ClientStatistics(
            lateResults: past.lateResults + core.late.load(ordering: .relaxed),
            pending: core.pendingCount, copiedBytes: past.copiedBytes + core.copiedBytes,
            bytesOnLoan: blocks.bytesOut, loans: blocks.loansOut,
            blockMemory: blocks.memoryBytes, receivedBytes: core.link.account.bytes,
            directLinks: core.directs.count.load(ordering: .relaxed),
            directMessages: past.directMessages + core.directs.sent.now)
    }

    /// Returns once commands can be sent: at once while the client is connected; else when it is again, after
    /// ``ReconnectPolicy/callsWait`` at most. Throws why there is no link.
    public func ready() async throws(IPCError) {
        if ending == nil { return }
        if case .closed(let why) = state { throw IPCError(why) }
        let wait = connection.options.reconnect?.callsWait ?? .zero
        guard await connection.wait(until: oro_now() + wait.nanoseconds) else { throw connection.noLink }
        if let ending { throw IPCError(ending) }
    }

    /// What the host says it is: the data of `platform.primordials`, asked for once, with the members of
    /// ``ClientOptions/primordials`` in their places; an empty object while it has no answer. Blocks the calling thread
    /// the first time.
    public var primordials: Value { core.hostPrimordials() }

    /// Forgets the results that were kept for calls with ``CallOptions/cache``.
    public func forgetCachedResults() { core.cache.withLock { $0.removeAll() } }

    // MARK: Bytes

    /// A block of `count` bytes to be filled and sent without a copy. When none is free it waits, at most `wait`
    /// (`.zero`: not at all), blocking the calling thread.
    ///
    /// Throws `noBlocks`, which names the host, when none came free; `badOptions` for a negative `count`; `tooLarge`
    /// when `count` is more than ``LinkLimits/loanBytes`` here or ``LinkLimits/payloadBytes`` there; and why the link
    /// is over when it is.
    public func loan(_ count: Int, waitingAtMost wait: Duration = .milliseconds(TIMEOUT)) throws(LinkError) -> Loan {
        Loan(try core.takeBlock(count, until: oro_now() + wait.nanoseconds))
    }

    /// The same in a task, which is suspended while it waits, and may be cancelled.
    public func loan(_ count: Int, waitingAtMost wait: Duration = .milliseconds(TIMEOUT)) async throws(LinkError)
        -> Loan
    {
        let core = core
        if core.link.isForeign { throw .forked }
        let arena = core.link.arena
        return Loan(try await arena.whenFree(until: .now + wait) { () throws(LinkError) in try arena.take(count) })
    }

    // MARK: Blocking

    /// Sends a command and blocks the calling thread until its result is there. Not for tasks: it holds their thread.
    ///
    /// A small command and its result neither allocate nor call the system while both sides are awake.
    public func sendSync(
        _ command: String, _ value: Value? = nil, bytes: Bytes? = nil, options: CallOptions? = nil
    ) -> Result {
        callSync(command, value, bytes, options)
    }

    /// Sends a command that gets no result. Waits for room in a thread of its own; in a task the rest is sent in the
    /// background. Throws when the link is over, or the command cannot be sent.
    public func post(
        _ command: String, _ value: Value? = nil, bytes: Bytes? = nil, headers: Headers? = nil
    ) throws(LinkError) {
        try connection.withCore { (core) throws(LinkError) in
            try core.post(command, value, bytes, headers: headers)
        }
    }

    /// Sends many commands without results, several times faster than one by one: they reach the host in groups, the
    /// last of them when `body` returns. `body` must not wait for anything else meanwhile.
    ///
    /// ```swift
    /// try client.batch { batch throws(LinkError) in
    ///     for sample in samples { try batch.post("sample", bytes: sample) }
    /// }
    /// ```
    public func batch<R>(_ body: (inout Batch) throws(LinkError) -> R) throws(LinkError) -> R {
        let core = core
        return try core.batch { (ring) throws(LinkError) in
            var batch = Batch(core, ring)
            return try body(&batch)
        }
    }

    /// Commands on their way together; see ``Client/batch(_:)``.
    public struct Batch: ~Copyable {
        private let core: ClientCore
        private let ring: Int
        private var held = 0

        /// Commands shown to the host together.
        private static let groupSize = 32

        fileprivate init(_ core: ClientCore, _ ring: Int) {
            self.core = core
            self.ring = ring
        }

        /// Adds a command. Waits for room where there is none.
        public mutating func post(
            _ command: String, _ value: Value? = nil, bytes: Bytes? = nil
        ) throws(LinkError) {
            try core.post(ring, command, value, bytes, isHeld: true)
            noteHeld()
        }

        /// Adds a message's command; as ``Client/post(_:)``.
        public mutating func post(_ message: Message) throws(IPCError) {
            let outgoing = try message.outgoing()
            do throws(LinkError) {
                try core.post(
                    ring, outgoing.command, outgoing.value, outgoing.bytes, headers: outgoing.headers,
                    encoded: outgoing.encoded, seq: outgoing.seq, isHeld: true)
                noteHeld()
            } catch {
                throw IPCError(error)
            }
        }

        private mutating func noteHeld() {
            held += 1
            if held == Batch.groupSize {
                held = 0
                core.link.flush(ring)
            }
        }
    }

    // MARK: Asynchronous

    /// Sends a command; waits for its result as long as it takes, unless `options` say otherwise.
    public func send(
        _ command: String, _ value: Value? = nil, bytes: Bytes? = nil, options: CallOptions? = nil
    ) async -> Result {
        await call(command, value, bytes, options, verb: .send)
    }

    /// Asks for a result. Cancelling the task ends the wait with an `AbortError` and cancels the host's handler.
    public func request(
        _ command: String, _ value: Value? = nil, options: CallOptions? = nil
    ) async -> Result {
        await call(command, value, nil, options, verb: .request)
    }

    /// Sends bytes along with a command.
    public func write(
        _ command: String, _ value: Value? = nil, _ bytes: Bytes, options: CallOptions? = nil
    ) async -> Result {
        await call(command, value, bytes, options, verb: .write)
    }

    // MARK: Streams

    /// Asks for a result, and sends a body of any length in chunks, as fast as the handler reads them.
    ///
    /// ```swift
    /// let result = await client.request("upload", ["name": "notes.txt"], body: file.chunks)
    /// ```
    ///
    /// An element of `body` is a chunk, at most as long as a message. Nothing is read from `body` before the handler
    /// asks for it. When the result comes before the body's end, the task that reads `body` is cancelled. When `body`
    /// throws, the handler's ``Message/body`` throws that error, as an ``IPCError``, which is then the result's unless
    /// the handler answers something else.
    public func request<Body: AsyncSequence & Sendable>(
        _ command: String, _ value: Value? = nil, body: Body, options: CallOptions? = nil
    ) async -> Result where Body.Element == Bytes {
        await core.call(command, value, body, options)
    }

    /// Sends a command whose answer comes in chunks. See ``ResultStream`` for what the sequence gives and throws.
    ///
    /// ```swift
    /// for try await event in client.stream("logs.tail", ["lines": 10]) {
    ///     print(event.name ?? "", event.value ?? .null)
    /// }
    /// ```
    ///
    /// The command is on its way when this returns. `window`, 1 to 1 024, is how many chunks may be on their way, or
    /// wait here, at once: the handler waits while there are so many, or 16 of them that have 256 KiB together. The
    /// timeout of `options` is for the first chunk or the end, whichever comes; its signal ends the stream at any time.
    public func stream(
        _ command: String, _ value: Value? = nil, bytes: Bytes? = nil, options: CallOptions? = nil, window: Int = 256
    ) -> ResultStream {
        ResultStream(StreamCall(self, command, value, bytes, options, window, nil))
    }

    /// The same with a body, as in ``request(_:_:body:options:)``; both go on at once.
    public func stream<Body: AsyncSequence & Sendable>(
        _ command: String, _ value: Value? = nil, body: Body, options: CallOptions? = nil, window: Int = 256
    ) -> ResultStream where Body.Element == Bytes {
        let core = core
        return ResultStream(
            StreamCall(self, command, value, nil, options, window) { ticket, sender in
                await core.sendBody(body, ticket, sender)
            })
    }
}

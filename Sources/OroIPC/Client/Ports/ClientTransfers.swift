// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

extension Client {
    /// Asks for a result, and gives `transfer`, ports, to the host along with the request: its handler finds them in
    /// ``Message/ports``. Ports that come with the result are in ``Result/ports``; who wants only those gives an empty
    /// list.
    ///
    /// ```swift
    /// let channel = IPCMessageChannel()
    /// let result = await client.request("room.join", ["room": "7"], transfer: [channel.port2])
    /// for await event in channel.port1.messages { … }
    /// ```
    ///
    /// The ports come with everything that was posted to them before, in order, as those in messages of ports do. They
    /// are given away as soon as this is called, and do nothing here any more. Ports that the handler does not keep are
    /// closed, and the other ends told, when the request is over: answered, timed out, aborted, refused, or its client
    /// gone. Ports of a result that came too late are closed, too. A port that is closed, given away or listed twice
    /// gives a `DataCloneError`, and nothing is sent.
    public func request(
        _ command: String, _ value: Value? = nil, bytes: Bytes? = nil, transfer: [IPCMessagePort],
        options: CallOptions? = nil
    ) async -> Result {
        let core = core
        var options = options ?? CallOptions()
        let limit = CallLimit(options, .request)
        let (transfers, number): (PortTransfers, Int64)
        do throws(IPCError) {
            // What is not sent gives nothing away.
            if !CommandName.isValid(command) { throw CommandName.refusal(command) }
            if let signal = options.signal, signal.isAborted { throw .abort(signal) }
            if Task.isCancelled { throw .abort() }
            transfers = try core.ports.openTransfers()
            number = try await transfers.begin(transfer, within: limit)
            var headers = options.headers ?? Headers()
            try PortTransfers.name(number, in: &headers)
            options.headers = headers
            options.timeout = limit.remaining
        } catch {
            return Result(err: error, source: command)
        }
        defer { transfers.end(number, hadPorts: !transfer.isEmpty) }
        var result = await core.call(command, value, bytes, options, verb: .request)
        if PortTransfers.number(result.headers) == number {
            do throws(IPCError) {
                result.setPorts(try await transfers.awaitPorts(of: number, within: limit))
            } catch {
                return Result(err: error, source: command)
            }
        }
        return result
    }

    /// The same, blocking the calling thread. Not for tasks: it holds their thread.
    ///
    /// The ports and the request go by way of the client's background thread, so this costs a change of threads more
    /// than ``sendSync(_:_:bytes:options:)``.
    public func sendSync(
        _ command: String, _ value: Value? = nil, bytes: Bytes? = nil, transfer: [IPCMessagePort],
        options: CallOptions? = nil
    ) -> Result {
        let executor: ReactorExecutor
        do throws(LinkError) {
            executor = try core.executor()
        } catch {
            return Result(err: IPCError(error), source: command)
        }
        let answer = ThreadWaiterFor<Result>()
        // Not among the tasks of the process, whose threads may all be waiting here.
        Task.detached(executorPreference: executor) {
            answer.put(await self.request(command, value, bytes: bytes, transfer: transfer, options: options))
        }
        return answer.take()
    }
}

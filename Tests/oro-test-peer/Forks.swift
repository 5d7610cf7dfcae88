// SPDX-License-Identifier: Apache-2.0

// A process that forks with clients, hosts and ports in use: the child's calls fail as they must, and the parent goes
// on.
import CTestSupport
import Foundation
import OroConformance
import OroIPC
import OroLink

/// What a check in a child comes to.
private struct Wrong: Error, CustomStringConvertible {
    let description: String
}

/// What a child expects of what is its parent's; nothing, where the same is done before for the language's sake.
private struct Expectation {
    let isChild: Bool

    func fails<R>(_ what: String, _ body: () throws -> R) throws {
        do {
            _ = try body()
        } catch LinkError.forked {
            return
        } catch let error as IPCError where error.name == "InvalidStateError" {
            return
        } catch {
            if isChild { throw Wrong(description: "\(what) fails with \(error)") }
        }
        if isChild { throw Wrong(description: "\(what) does not fail in a child") }
    }

    func check(_ what: String, _ isRight: Bool) throws {
        if isChild && !isRight { throw Wrong(description: what) }
    }
}

private func check(_ what: String, _ isRight: Bool) throws {
    try Expectation(isChild: true).check(what, isRight)
}

/// Everything the parent has, used in the child.
private func useEverything(_ host: Host, _ client: Client, _ port: IPCMessagePort, isChild: Bool = true) throws {
    let expected = Expectation(isChild: isChild)
    for command in ["echo", "never.sent.before"] {
        let large = Bytes([UInt8](repeating: 7, count: 300_000))
        for options in [nil, CallOptions(timeout: .seconds(5)), CallOptions(cache: true)] {
            for bytes in [nil, Bytes([UInt8](repeating: 1, count: 8)), large] {
                let result = client.sendSync(command, nil, bytes: bytes, options: options)
                try expected.check("sendSync: \(result)", result.err?.name == "InvalidStateError")
            }
        }
        try expected.fails("post") { try client.post(command, ["a": 1]) }
        try expected.fails("batch") { try client.batch { batch throws(LinkError) in try batch.post("echo") } }
    }
    try expected.fails("loan") { _ = try client.loan(1000) }
    try expected.fails("openPort") { try client.openPort("room") }
    try expected.fails("executor") { try client.executor }
    try expected.fails("a port") { try port.postMessage("x") }
    try expected.check("ending: \(String(describing: client.ending))", client.ending == .forked)
    try expected.fails("start") { try host.start() }
    try expected.fails("emit") { try host.emit("event") }
    try expected.fails("makePeer") { try host.makePeer() }
    try expected.fails("connect") { _ = try host.connect() }
    if isChild {
        try check("turn", host.turn() == nil)
        host.run()
    }
    port.close()
    client.close()
    host.stop()
}

private func makeOwn(_ name: String) throws {
    let host = try Host.embedded()
    host.router.map("echo") { message in Result(data: message["a"] ?? .null) }
    let client = try host.connect()
    try check("own host", client.sendSync("echo", ["a": 5]).data == .int(5))
    let parents = try Client.connect(name)
    try check("the parent's host", parents.sendSync("echo", ["a": 6]).data == .int(6))
    parents.close()
    client.close()
    host.stop()
}

func forks(_ arguments: Arguments) throws {
    let name = "forks-\(ProcessInfo.processInfo.processIdentifier)"
    var options = HostOptions()
    options.backend = arguments.backend
    let host = try Host(name: name, options: options)
    host.router.map("echo") { message in Result(data: message["a"] ?? .null) }
    host.acceptPorts("room") { port, _ in
        port.onmessage = { event in try? port.postMessage(event.data) }
    }
    try host.start()
    let client = try Client.connect(name)
    let port = try client.openPort("room")
    func parentGoesOn() throws {
        for number in 0..<100 {
            let result = client.sendSync("echo", ["a": .int(Int64(number))])
            try check("the parent: \(result)", result.data == .int(Int64(number)))
        }
        try port.postMessage("still here")
    }
    try parentGoesOn()
    // What the language makes once in a process it makes under a lock, which a child would find held for ever when
    // another thread of its parent has it: all of that is made before.
    try makeOwn(name)
    try useEverything(
        try Host.embedded(), try Client.connect(name), IPCMessageChannel().port1, isChild: false)
    try parentGoesOn()
    for round in 0..<arguments.number("count", 20) {
        let loan = try client.loan(100_000)
        let child = oro_fork()
        if child == 0 {
            do {
                if round % 2 == 0 { try useEverything(host, client, port) }
                // On a thread of the child's own: Swift's mutexes know the one that forked by its parent's number.
                let outcome = Locked<(any Error)?>(nil)
                let done = DispatchSemaphore(value: 0)
                Thread.detachNewThread {
                    do { try makeOwn(name) } catch { outcome.withLock { $0 = error } }
                    done.signal()
                }
                done.wait()
                if let error = outcome.withLock({ $0 }) { throw error }
                oro_leave(0)
            } catch {
                print("in the child: \(error)")
                oro_leave(1)
            }
        }
        let status = oro_reap(child)
        try check("round \(round): the child ended with \(status)", status == 0)
        try parentGoesOn()
        try check("the loan", loan.count == 100_000)
    }
    print("the parent goes on")
    client.close()
    host.stop()
}

// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance
import OroIPC

private struct Person: Codable { var name: String }

/// A host with the commands of the conformance suite; ends when its standard input does.
func serve(_ arguments: Arguments) throws {
    var options = arguments.hostOptions
    // The origin with which all clients take part in broadcasts.
    if let origin = arguments.text("fixed-origin") {
        options.onConnect = { client in try? client.fixBroadcastOrigin(origin) }
    }
    let host = try Host(name: arguments.name(), options: options)
    Fixture.install(on: host)
    // The route of the README.
    if arguments.has("greets") { host.router.map(Route<Person, String>("greet")) { "Hello, \($0.name)" } }
    try host.start()
    // A child that holds the listening socket, and lives on when this process is killed.
    if arguments.has("fork") { try expect(oro_fork_holder() > 0) }
    print("ready \(host.backend.rawValue)")
    while readLine() != nil {}
    host.stop()
    print("stopped")
}

/// Connects, posts to `note` when a line comes, and waits.
func postAndWait(_ arguments: Arguments) throws {
    let client = try Client.connect(arguments.name(), options: arguments.clientOptions)
    guard client.sendSync("ping").isOK else { throw Unexpected("no pong") }
    print("connected")
    _ = readLine()
    for number in 0..<arguments.number("count", 100) { try client.post("note", ["n": .int(Int64(number))]) }
    print("posted")
    while readLine() != nil {}
}

/// Runs behaviours as a client, over the descriptors 10, 11, … or by name; prints what failed.
func conform(_ arguments: Arguments) async throws {
    var behaviours = Behaviour.all
    if let only = arguments.text("behaviour") { behaviours = behaviours.filter { $0.name == only } }
    if let some = arguments.text("containing") { behaviours = behaviours.filter { $0.name.contains(some) } }
    if arguments.has("basics") {
        behaviours = behaviours.filter { !$0.endsHost && $0.name != "64 MiB go both ways unchanged" }
    }
    guard !behaviours.isEmpty else { throw Usage("no such behaviour") }
    let descriptors = Descriptors(first: 10, count: arguments.number("fds", 0))
    let name = arguments.text("name")
    let subject = Subject(options: arguments.clientOptions) { options in
        if let name { return try Client.connect(name, options: options) }
        return try Client(descriptor: descriptors.next(), options: options)
    }
    var failures = 0
    for behaviour in behaviours {
        do {
            try await behaviour.run(subject)
            print("ok \(behaviour.name)")
        } catch {
            print("failed \(behaviour.name): \(error)")
            failures += 1
        }
    }
    print("done \(behaviours.count) \(failures)")
    if failures > 0 { exit(1) }
}

/// Descriptors that came through exec.
final class Descriptors: @unchecked Sendable {
    private let lock = NSLock()
    private var numbers: [Int32]

    init(first: Int32, count: Int) { numbers = (0..<Int32(count)).map { first + $0 } }

    func next() throws -> Int32 {
        try lock.withLock {
            guard !numbers.isEmpty else { throw Usage("no descriptor is left") }
            return numbers.removeFirst()
        }
    }
}

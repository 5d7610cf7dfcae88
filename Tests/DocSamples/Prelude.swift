// SPDX-License-Identifier: Apache-2.0

// What the blocks of Swift in the documents take for granted. Nothing of it runs.

import Logging
import OroFrame
import OroIPC
import OroLink

var client: Client { fatalError() }
var host: OroIPC.Host { fatalError() }
var message: Message { fatalError() }
var port: IPCMessagePort { fatalError() }
var chat: IPCMessagePort { fatalError() }
var event: IPCMessageEvent { fatalError() }
var result: OroIPC.Result { fatalError() }
var logger: Logger { fatalError() }
var hostOptions: HostOptions {
    get { fatalError() }
    set {}
}
var clientOptions: ClientOptions {
    get { fatalError() }
    set {}
}
var storage: Client { fatalError() }

var bytes: Bytes { fatalError() }
var data: Bytes { fatalError() }
var datagram: Bytes { fatalError() }
var samples: [Bytes] { fatalError() }
var frames: [Bytes] { fatalError() }
var chunks: AsyncStream<Bytes> { fatalError() }
var size: Int { fatalError() }
var number: Int32 { fatalError() }
var readEnd: Int32 { fatalError() }
var guest: Int32 { fatalError() }
var line: String { fatalError() }
var lines: AsyncStream<String> { fatalError() }
var now: Double { fatalError() }
var milliseconds: Double { fatalError() }
func size(of path: String) throws -> Int64 { fatalError() }
func render(into buffer: UnsafeMutableRawBufferPointer) {}
func render(into buffer: borrowing MutableRawSpan) {}
func show(_ bytes: borrowing RawSpan) {}
func show(_ value: Value?) {}
func reload(_ value: Value?) {}
func count(_ name: String) {}
func fetch(_ url: String) async throws -> Bytes { fatalError() }
func load(_ message: Message) async throws -> Bytes { fatalError() }
func reserve(_ count: Int) -> UnsafeMutableRawBufferPointer { fatalError() }

struct Source {
    var chunks: AsyncStream<Bytes> { fatalError() }
}
var file: Source { fatalError() }
struct Cache { func find(_ command: String) -> Bytes? { nil } }
var cache: Cache { fatalError() }
struct Door { func onOpen(_ body: @escaping @Sendable () -> Void) {} }
var door: Door { fatalError() }
struct Room { func add(_ port: IPCMessagePort) {} }
var room: Room { fatalError() }
struct Followers {
    func add(_ client: ConnectedClient) {}
    var all: [ConnectedClient] { [] }
}
var followers: Followers { fatalError() }
struct Queue {
    func add(_ done: @escaping @Sendable (Value) -> Void) -> Int { 0 }
    func remove(_ job: Int) {}
}
var queue: Queue { fatalError() }
struct Log {
    var lines: AsyncStream<String> { fatalError() }
    func lines(_ count: Int) -> AsyncStream<Line> { fatalError() }
}
var log: Log { fatalError() }

struct StatRequest: Codable { var path: String }
struct Stat: Codable { var size: Int64 }
struct ReadRequest: Codable { var path: String }
struct TailRequest: Codable { var count: Int }
struct Line: Codable { var text: String }

var encoded: [UInt8] { fatalError() }
var frame: Frame { fatalError() }
var pixels: Bytes { fatalError() }
var descriptor: Int32 { fatalError() }
var order: Value { fatalError() }
var key: String { fatalError() }

// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC
import Testing

@Suite("The demo")
struct DemoTests {
    @Test("a folder of nasty cases agrees in every byte, on both backends", arguments: ["io_uring", "epoll"])
    func nastyFolder(backend: String) throws {
        let root = try TemporaryFolder()
        try root.file("empty")
        try root.file("piece", [UInt8](repeating: 7, count: 1 << 20))
        try root.file("piece and a byte", [UInt8](repeating: 8, count: 1 << 20 + 1))
        try root.file("sparse")
        try #require(unsafe truncate("\(root.path)/sparse", 70 << 20) == 0)
        try root.file(named: Array("new\nline".utf8))
        try root.file(named: [0xFF, 0xFE])
        // Two names for Unicode's é, which are one String to Swift and two files to Linux.
        try root.file(named: [0xC3, 0xA9])
        try root.file(named: [0x65, 0xCC, 0x81])
        try root.folder("a/b/c")
        for index in 0..<300 { try root.file("a/b/f\(index)", Array("\(index)".utf8)) }
        try root.link("out", to: "/etc")
        try root.link("loop", to: "loop")
        try #require(unsafe mkfifo("\(root.path)/fifo", 0o600) == 0)
        try root.file("secret", [1])
        try #require(unsafe chmod("\(root.path)/secret", 0) == 0)
        let sockets = try TemporaryFolder()
        let outcome = try ToolProcess.run(
            ["demo", root.path, "--json", "--socket-folder", sockets.path], backend: backend)
        #expect(outcome.code == 0, "\(outcome.errors)")
        let json = outcome.json
        #expect(json["agreed"]?.bool == true)
        #expect(json["mismatches"] == [])
        #expect(json["backend"] == ["host": .string(backend), "client": .string(backend)])
        #expect(json["directories"]?.int == 4)
        #expect((json["files"]?.int ?? 0) + (json["unreadable"]?.int ?? 0) == 309)
        #expect(json["symlinks"]?.int == 2)
        #expect(json["special"]?.int == 1)
        #expect(json["bytes"]?.int ?? 0 > 72 << 20)
        #expect(try FileManager.default.contentsOfDirectory(atPath: sockets.path) == [])
    }

    @Test("an empty folder agrees")
    func emptyFolder() throws {
        let root = try TemporaryFolder()
        let json = try ToolProcess.run(["demo", root.path, "--json"]).json
        #expect(json["agreed"]?.bool == true)
        #expect(json["files"]?.int == 0)
        #expect(json["directories"]?.int == 1)
    }
}

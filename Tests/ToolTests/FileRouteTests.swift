// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC
import Testing

@Suite("The file routes of serve")
struct FileRouteTests {
    @Test("nothing leads out of the root, nothing hangs, and every refusal has its errno")
    func refusals() throws {
        let root = try TemporaryFolder()
        try root.file("empty")
        try root.folder("dir")
        try root.link("outside", to: "/etc")
        try root.link("relative", to: "../../../../../../etc/passwd")
        try root.link("loop", to: "loop")
        try root.link("magic", to: "/proc/self/root")
        try root.link("dangling", to: "nowhere")
        try #require(unsafe mkfifo("\(root.path)/fifo", 0o600) == 0)
        let host = try ServeProcess(root)
        for (path, name, code) in [
            ("../etc/passwd", "EXDEV", EXDEV), ("..", "EXDEV", EXDEV), ("dir/../..", "EXDEV", EXDEV),
            ("/etc/passwd", "EXDEV", EXDEV), ("\(root.path)/empty", "EXDEV", EXDEV),
            ("outside/passwd", "EXDEV", EXDEV), ("relative", "EXDEV", EXDEV), ("magic/etc/passwd", "EXDEV", EXDEV),
            ("loop", "ELOOP", ELOOP), ("dangling", "ENOENT", ENOENT), ("nope", "ENOENT", ENOENT),
            ("empty/x", "ENOTDIR", ENOTDIR), ("dir", "EISDIR", EISDIR), ("fifo", "EINVAL", EINVAL),
            (#"empty\u0000.txt"#, "EINVAL", EINVAL),
        ] {
            let error = try host.ask("fs.readFile", #"{"path": "\#(path)"}"#)["err"]
            #expect(error?["name"]?.string == name, "\(path)")
            #expect(error?["code"] == .int(Int64(code)), "\(path)")
        }
        for path in ["..", "/etc", "outside", "magic"] {
            #expect(try host.ask("fs.readdir", #"{"path": "\#(path)"}"#)["err"]?["name"]?.string == "EXDEV")
            #expect(try host.ask("fs.stat", #"{"path": "\#(path)"}"#)["err"]?["name"]?.string == "EXDEV")
        }
        let link = try host.ask("fs.stat", #"{"path": "outside", "follow": false}"#)
        #expect(link["data"]?["type"]?.string == "symlink")
    }

    @Test("files come whole, in pieces, or not at all when they are too large for one answer")
    func reading() throws {
        let root = try TemporaryFolder()
        let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try root.file("bytes", bytes)
        try root.file("empty")
        try root.file("sparse")
        try #require(unsafe truncate("\(root.path)/sparse", 2 << 30) == 0)
        let host = try ServeProcess(root)
        #expect(try host.call("request", ["fs.readFile", #"{"path": "bytes"}"#]).bytes == bytes)
        let piece = try host.call("request", ["fs.readFile", #"{"path": "bytes", "offset": 199990, "length": 100}"#])
        #expect(piece.bytes == Array(bytes.suffix(10)))
        let empty = try host.ask("fs.readFile", #"{"path": "empty"}"#)
        #expect(empty["bytes"]?.string == "" && empty["data"] == .null)
        #expect(try host.ask("fs.readFile", #"{"path": "bytes", "offset": 200000}"#)["data"] == ["size": 200_000])
        #expect(try host.ask("fs.readFile", #"{"path": "sparse"}"#)["err"]?["name"]?.string == "EFBIG")
        let far = try host.ask("fs.readFile", #"{"path": "sparse", "offset": 104857600, "length": 3}"#)
        #expect(far["bytes"]?.string == "AAAA")
        for bad in [#""offset": -1"#, #""length": 1073741825"#, #""length": "1""#] {
            let error = try host.ask("fs.readFile", #"{"path": "bytes", \#(bad)}"#)["err"]
            #expect(error?["name"]?.string == "RangeError")
        }
    }

    @Test("names that are not UTF-8 come as bytes too, and directories in pages")
    func listing() throws {
        let root = try TemporaryFolder()
        try root.file(named: [0x61, 0xFF, 0x62])
        try root.file(named: Array("new\nline".utf8))
        for index in 0..<10 { try root.file("f\(index)") }
        let host = try ServeProcess(root)
        let all = try host.ask("fs.readdir", #"{"path": "."}"#)["data"]?.array ?? []
        #expect(all.count == 12)
        #expect(all.first?["name"]?.string == "a\u{FFFD}b")
        // JSON shows bytes in base64.
        #expect(all.first?["bytes"]?.string == "Yf9i")
        #expect(all.last?["name"]?.string == "new\nline")
        let page = try host.ask("fs.readdir", #"{"path": ".", "offset": 1, "limit": 3}"#)["data"]?.array
        #expect(page == Array(all[1...3]))
        #expect(try host.ask("fs.readdir", #"{"path": ".", "offset": 12}"#)["data"] == [])
    }
}

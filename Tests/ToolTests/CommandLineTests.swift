// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC
import Testing

@Suite("The command line")
struct CommandLineTests {
    @Test("exit codes: 0 success, 1 an error as result, 2 usage, 3 no host")
    func exitCodes() throws {
        let host = try ServeProcess(try TemporaryFolder())
        let folder = host.socketFolder
        for (arguments, code) in [
            (["request", "t", "ping", "--folder", folder], Int32(0)),
            (["request", "t", "nope", "--folder", folder], 1),
            (["request", "t", "fs.stat", #"{"path": ".."}"#, "--folder", folder], 1),
            (["request", "t", "ping", "{bad", "--folder", folder], 2),
            (["request", "t", "--folder", folder], 2),
            (["request", "not a name", "ping", "--folder", folder], 2),
            (["send", "t", "ping", "--bytes", "/nonexistent", "--folder", folder], 2),
            (["request", "other", "ping", "--folder", folder], 3),
            (["ping", "other", "--folder", folder], 3),
            (["ping", "t", "--count", "0", "--folder", folder], 2),
            (["serve", "--name", "t", "--folder", folder], 1),
            (["serve", "t", "--folder", folder], 1),
            (["serve", "t2", "--name", "t3", "--folder", folder], 2),
            (["serve", "t2", "--folder", folder, "--root", "/nonexistent"], 2),
            (["demo", "/nonexistent"], 2),
            (["nonsense"], 2), (["--help"], 0), (["--version"], 0),
        ] {
            let outcome = try ToolProcess.run(arguments)
            #expect(outcome.code == code, "\(arguments): \(outcome.errors)")
            // Who fails says why, and not on standard output.
            #expect(outcome.errors.isEmpty == (code == 0), "\(arguments)")
            if code != 0 { #expect(outcome.output.isEmpty, "\(arguments)") }
        }
    }

    @Test("a result as JSON has err, data, source, and bytes in base64")
    func resultAsJSON() throws {
        let root = try TemporaryFolder()
        try root.file("hello", Array("hello".utf8))
        let host = try ServeProcess(root)
        #expect(try host.ask("PING") == ["err": nil, "data": "pong", "source": "PING"])
        #expect(try host.ask("fs.readFile", #"{"path": "hello"}"#)["bytes"]?.string == "aGVsbG8=")
        let error = try host.ask("nope")["err"]
        #expect(error?["name"]?.string == "NotFoundError")
        #expect(error?["code"]?.string == "NOT_FOUND_ERR")
        let primordials = try host.ask("platform.primordials")["data"]
        #expect(primordials?["platform"]?.string == "linux")
        #expect(primordials?["version"]?["short"]?.string != nil)
    }

    @Test("bytes go in from a file or standard input, and out to a file")
    func bytes() throws {
        let root = try TemporaryFolder()
        let content = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        try root.file("in", content)
        let host = try ServeProcess(root)
        let out = "\(root.path)/out"
        let outcome = try host.call("send", ["fs.readFile", #"{"path": "in"}"#, "--out", out])
        #expect(outcome.code == 0)
        #expect([UInt8](try Data(contentsOf: URL(fileURLWithPath: out))) == content)
        // The route ignores what it gets; it must get there all the same.
        #expect(try host.call("send", ["ping", "--bytes", out]).output == "pong\n")
        #expect(try host.call("send", ["ping", "--bytes", "-"], input: content).output == "pong\n")
    }

    @Test("serve goes at once when told, and its socket with it", arguments: [SIGTERM, SIGINT])
    func stop(signal: Int32) throws {
        let host = try ServeProcess(try TemporaryFolder())
        #expect(FileManager.default.fileExists(atPath: host.socketPath))
        kill(host.child.processID, signal)
        #expect(host.child.wait() == 0)
        #expect(!FileManager.default.fileExists(atPath: host.socketPath))
    }

    @Test("output that cannot be written is an error that says so")
    func fullDisk() throws {
        let files = try TemporaryFolder()
        let child = try Child(
            ["doctor"], input: .file("/dev/null"), output: .file("/dev/full"), errors: "\(files.path)/errors")
        #expect(child.wait() == 1)
        let errors = try String(contentsOfFile: "\(files.path)/errors", encoding: .utf8)
        #expect(errors.contains("No space left on device"), "\(errors)")
    }

    @Test("a conversation whose host dies ends with an error")
    func portEnds() throws {
        let host = try ServeProcess(try TemporaryFolder())
        let files = try TemporaryFolder()
        let child = try Child(
            ["port", "t", "room", "--folder", host.socketFolder], input: .pipe, output: .pipe,
            errors: "\(files.path)/errors")
        // Both talk, so that they have met.
        let other = try Child(
            ["port", "t", "room", "--folder", host.socketFolder], input: .pipe, output: .pipe,
            errors: "\(files.path)/other")
        other.say("hello\n")
        #expect(child.readLine() == "hello")
        kill(host.child.processID, SIGKILL)
        #expect(child.wait() == 3)
        #expect(other.wait() == 3)
        let errors = try String(contentsOfFile: "\(files.path)/errors", encoding: .utf8)
        #expect(errors.contains("oro-ipc: the peer is gone"), "\(errors)")
    }

    @Test("ping reports its percentiles in order")
    func ping() throws {
        let host = try ServeProcess(try TemporaryFolder(), ["--backend", "epoll"])
        let json = try host.call("ping", ["--count", "200", "--json"]).json
        #expect(json["count"]?.int == 200)
        let times = ["p50", "p99", "p999", "max"].compactMap { json["round_trip_ns"]?[$0]?.int }
        #expect(times.count == 4)
        #expect(times == times.sorted())
    }

    @Test("doctor finds that links can be made where the tests run")
    func doctor() throws {
        let outcome = try ToolProcess.run(["doctor", "--json"])
        #expect(outcome.code == 0)
        #expect(outcome.json["links"]?.bool == true)
        let findings = outcome.json["findings"]?.array ?? []
        #expect(findings.count == 13)
        #expect(
            findings.allSatisfy {
                $0["state"]?.string == "works" || $0["state"]?.string == "fact" || $0["advice"] != nil
            })
    }
}

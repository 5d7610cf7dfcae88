// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroBase
import OroConformance
import OroIPC
import OroIPCFoundation
import Testing

@Suite("Bytes")
struct BytesTests {
    @Test("data and bytes are copies of each other")
    func data() throws {
        let data = Data((0..<1000).map { UInt8(truncatingIfNeeded: $0) })
        let bytes = Bytes(data)
        #expect(Data(bytes) == data)
        var changed = Data(bytes.extracting(10..<20))
        changed[0] = 255
        #expect(bytes.span.unsafeLoad(fromByteOffset: 10, as: UInt8.self) == 10)
        #expect(Data(Bytes([])) == Data())
        let host = try Host.embedded()
        defer { host.stop() }
        let client = try host.connect()
        #expect(try Data(client.loan(2000).filled(with: data)) == data)
    }

    @Test("text is text only where it is valid")
    func text() {
        #expect(String(validating: Bytes(utf8: "häuser")) == "häuser")
        #expect(String(validating: Bytes([0xFF, 0x41])) == nil)
        #expect(String(validating: Bytes([])) == "")
    }

    @Test("bytes outlive the client they came to, the link, and the host")
    func outlive() async throws {
        let expected = pattern(100_000, seed: 3)
        let bytes: Bytes
        do {
            let host = try Host.embedded()
            Fixture.install(on: host)
            let client = try await host.connect()
            let result = await client.request("make.loan", ["count": 100_000, "seed": 3])
            bytes = try #require(result.bytes)
            client.close()
            host.stop()
        }
        #expect(bytes.isBorrowed)
        #expect([UInt8](bytes) == expected)
        await Task.detached { #expect([UInt8](bytes.extracting(5..<10)) == Array(expected[5..<10])) }.value
    }

    @Test("a loan that is not sent goes back, also after the link is over")
    func unsent() async throws {
        let host = try Host.embedded()
        defer { host.stop() }
        let client = try await host.connect()
        for _ in 0..<1000 { _ = try await client.loan(1 << 20) }
        #expect(client.statistics.bytesOnLoan == 0)
        // Where the reader seems to be far away, blocks are not used again at once.
        #expect(client.statistics.blockMemory <= 32 << 20)
        let loan = try await client.loan(1 << 20)
        client.close()
        #expect(loan.count == 1 << 20)
        await #expect(throws: LinkError.self) { _ = try await client.loan(1).count }
    }

    @Test("a block of one link is copied for another, a sealed memory is not")
    func otherLink() async throws {
        let host = try Host.embedded()
        Fixture.install(on: host)
        defer { host.stop() }
        let (first, second) = (try await host.connect(), try await host.connect())
        var loan = try await first.loan(50_000)
        let expected = pattern(50_000, seed: 9)
        loan.withUnsafeMutableBytes { $0.copyBytes(from: expected) }
        let bytes = loan.bytes()
        #expect(await first.write("digest", nil, bytes).data?["digest"] == .string("\(digest(expected))"))
        #expect(first.statistics.copiedBytes == 0)
        #expect(await second.write("digest", nil, bytes).data?["digest"] == .string("\(digest(expected))"))
        #expect(second.statistics.copiedBytes == 50_000)
        let sealed = try Bytes.sealed(3) { span in
            for index in 0..<3 { span.storeBytes(of: UInt8(index), toByteOffset: index, as: UInt8.self) }
        }
        for client in [first, second] {
            let before = client.statistics.copiedBytes
            let result = await client.write("digest", nil, sealed)
            #expect(result.data?["immutable"] == true)
            #expect(result.data?["digest"] == .string("\(digest([0, 1, 2]))"))
            #expect(client.statistics.copiedBytes == before)
        }
    }

    @Test("an existing memfd is passed on; what is none, or empty, or cannot be sealed is refused")
    func memfd() async throws {
        let host = try Host.embedded()
        Fixture.install(on: host)
        defer { host.stop() }
        let client = try await host.connect()
        let memfd = oro_raw_memfd(10_000, true, 0)
        defer { close(memfd) }
        let expected = pattern(10_000, seed: 1)
        #expect(pwrite(memfd, expected, 10_000, 0) == 10_000)
        let bytes = try Bytes(memfd: memfd)
        #expect(bytes.isImmutable)
        #expect(await client.write("digest", nil, bytes).data?["digest"] == .string("\(digest(expected))"))
        #expect(pwrite(memfd, expected, 1, 0) == -1)
        let pipe = Pipe()
        #expect(throws: LinkError.self) { try Bytes(memfd: pipe.fileHandleForReading.fileDescriptor) }
        let empty = oro_raw_memfd(0, true, 0)
        defer { close(empty) }
        #expect(throws: LinkError.self) { try Bytes(memfd: empty) }
    }

    @Test("a file is read straight into a loan")
    func file() async throws {
        let folder = try TemporaryFolder()
        let expected = pattern(300_000, seed: 2)
        #expect(FileManager.default.createFile(atPath: folder.path + "/file", contents: Data(expected)))
        let file = open(folder.path + "/file", O_RDONLY)
        defer { close(file) }
        let host = try Host.embedded()
        defer { host.stop() }
        let client = try await host.connect()
        var loan = try await client.loan(400_000)
        #expect(try loan.fill(from: file) == 300_000)
        #expect([UInt8](loan.bytes(300_000)) == expected)
        var part = try await client.loan(100)
        #expect(try part.fill(from: file, at: 299_950) == 50)
        #expect(throws: LinkError.system(call: "pread", errno: EBADF)) { _ = try part.fill(from: -1) }
    }

    @Test("huge pages are asked for, and done without where there are none")
    func hugePages() async throws {
        let host = try Host.embedded()
        Fixture.install(on: host)
        defer { host.stop() }
        var options = ClientOptions()
        options.link.hugePages = true
        let client = try await host.connect(options: options)
        let expected = pattern(3 << 20, seed: 6)
        var loan = try await client.loan(3 << 20)
        loan.withUnsafeMutableBytes { $0.copyBytes(from: expected) }
        #expect(await client.write("digest", nil, loan.bytes()).data?["digest"] == .string("\(digest(expected))"))
        let sealed = try Bytes.sealed(5000, hugePages: true) { span in
            span.storeBytes(of: 7, toByteOffset: 4999, as: UInt8.self)
        }
        #expect(sealed.isImmutable)
        #expect([UInt8](sealed).last == 7)
        #expect(await client.write("digest", nil, sealed).data?["immutable"] == true)
    }
}

// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroBase
import OroLink
import Testing

@testable import OroIPC

@Suite("What a host decides about its clients")
struct DecisionTests {
    @Test("a label reaches the policy, access control and handlers; the reason of the end reaches the notice")
    func labels() async throws {
        let ends = AsyncStream<LinkError?>.makeStream()
        var options = HostOptions()
        options.policy = { $0.label == "enemy" ? .denied : nil }
        options.onDisconnect = { ends.continuation.yield($0.ending) }
        let host = try OroIPC.Host.embedded(options: options)
        defer { host.stop() }
        host.router.map("who") { message in Result(data: message.client?.peer.label.map { .string($0) }) }
        host.router.map("leave") { message in
            message.client?.disconnect("that will do")
            return Result()
        }
        host.router.use(AccessControl([.allow("*"), .deny("leave", labels: ["guest"])]))
        await #expect(throws: LinkError.refused(.denied)) {
            try await Client.connect(descriptor: try host.makePeer(label: "enemy"))
        }
        let guest = try await Client.connect(descriptor: try host.makePeer(label: "guest"))
        #expect(await guest.request("who").data == "guest")
        let refused = await guest.request("leave").err
        #expect(refused?.name == "NotAllowedError" && refused?.message.contains("('guest')") == true)
        guest.close()
        var heard = ends.stream.makeAsyncIterator()
        #expect(await heard.next() == .some(.peerGone))
        let friend = try await Client.connect(descriptor: try host.makePeer(label: "friend"))
        _ = await friend.request("leave")
        #expect(await heard.next() == .some(.closed))
        for label in ["", String(repeating: "x", count: 256), "a\0b"] {
            #expect(throws: LinkError.self) { try host.makePeer(label: label) }
        }
    }

    @Test("built-in routes can be left out, each and all; one that is none is an error at once")
    func routes() throws {
        var options = HostOptions()
        options.withoutRoutes = ["ping", "diagnostics.*"]
        let host = try OroIPC.Host.unnamed(options: options)
        defer { host.stop() }
        #expect(host.router.map("ping") { _ in Result(data: "mine") })
        #expect(!host.router.isMapped("diagnostics.query") && host.router.isMapped("platform.primordials"))
        try host.start()
        let client = try host.connect() as Client
        #expect(client.sendSync("ping").data == "mine")
        options.withoutRoutes = ["pong"]
        #expect(throws: LinkError.badOptions("withoutRoutes has 'pong', and no built-in route is called so")) {
            try OroIPC.Host.unnamed(options: options)
        }
    }

    @Test("a host does not start when a route could not be mapped, and names it", arguments: ["ping", "", "no name"])
    func impossible(_ name: String) throws {
        let host = try OroIPC.Host.unnamed()
        defer { host.stop() }
        #expect(!host.router.map(name) { _ in Result() })
        do throws(LinkError) {
            try host.start()
            Issue.record("it has started")
        } catch {
            #expect(error.description.contains("'\(name)'"), "\(error)")
        }
    }

    @Test("numbers that no host can have are named", arguments: ["links", "handshakes", "waitingBytesPerLink"])
    func numbers(_ name: String) throws {
        var options = HostOptions()
        switch name {
        case "links": options.links = 0
        case "handshakes": options.handshakes = -1
        default: options.waitingBytesPerLink = -1
        }
        do throws(LinkError) {
            _ = try OroIPC.Host.unnamed(options: options)
            Issue.record("it was made")
        } catch {
            #expect(error.description.contains(name), "\(error)")
        }
    }

    @Test("what a client posts is for the origin that the host has fixed, buffers included")
    func origins() async throws {
        var options = HostOptions()
        options.onConnect = { client in
            if client.peer.label == "fixed" { try? client.fixBroadcastOrigin("oro://fixed") }
        }
        let host = try OroIPC.Host.embedded(options: options)
        defer { host.stop() }
        let liar = try await Client.connect(descriptor: try host.makePeer(label: "fixed"))
        let honest = try await Client.connect(descriptor: try host.makePeer(label: "honest"))
        let posts = try IPCBroadcastChannel("news", origin: "oro://other", over: liar)
        let right = try IPCBroadcastChannel("news", origin: "oro://fixed", over: honest)
        let wrong = try IPCBroadcastChannel("news", origin: "oro://other", over: honest)
        // Behind the subscriptions.
        #expect(await liar.request("ping").isOK)
        #expect(await honest.request("ping").isOK)
        let large = Bytes([UInt8](repeating: 7, count: 100_000))
        try posts.postMessage(["pixels": .bytes(large), "list": [1, "two"]], origin: "*")
        var heard = right.messages.makeAsyncIterator()
        let event = try #require(await heard.next())
        #expect(event.data["pixels"]?.bytes?.count == 100_000 && event.data["list"]?[1]?.string == "two")
        // A message for the other origin comes behind one that must not come.
        try posts.postMessage("not for it", origin: "oro://other")
        #expect(await heard.next()?.data.string == "not for it")
        let third = try await Client.connect(descriptor: try host.makePeer(label: "third"))
        try IPCBroadcastChannel("news", origin: "oro://other", over: third).postMessage("for it")
        var others = wrong.messages.makeAsyncIterator()
        #expect(await others.next()?.data.string == "for it")
        #expect(throws: IPCError.self) { try host.clients[0].fixBroadcastOrigin("") }
        withExtendedLifetime(posts) {}
    }
}

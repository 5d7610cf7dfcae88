// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroIPC

/// `verb --name value --flag …`
struct Arguments {
    static let usage = """
        oro-test-peer serve    --name N [--folder F] [--backend B] [--idle P] [--links K] [--handshake MS]
        oro-test-peer conform  (--fds K | --name N) [--behaviour NAME] [--containing TEXT] [--basics]
        oro-test-peer postandwait --name N [--folder F] [--count K]      posts when it is told to, and waits to be killed
        oro-test-peer attack   [--count K] [--seed S] [--backend B]      a hostile client, a good one, and figures
        oro-test-peer attack --sequences [--first N] [--memory MIB] …   the same with sequences of steps, of which the host may grow by so much
        oro-test-peer hostile  --name N [--folder F] [--count K] [--seed S] [--table] [--sequences [--first N]]
        oro-test-peer attackclients [--count K] [--seed S] [--first N] [--backend B]   a hostile host, its clients, and figures
        oro-test-peer badhost  --name N [--folder F] [--seed S] [--first N]   (its host)
        oro-test-peer exposed  --folder F [--count K] [--seed S] [--first N]  (its clients)
        oro-test-peer limits   [--backend B] [--host-message-bytes K] [--only LIMIT] [--kind TEXT] [--table]   every limit with every kind
        oro-test-peer wakeups  [--count K] [--backend B] [--idle P] [--async]
        oro-test-peer big      [--bytes K]                               one message of 4 GiB and a byte
        oro-test-peer idle     [--links K] [--seconds S] [--backend B]
        oro-test-peer idlewaits [--requests K] [--seconds S] [--backend B] [--idle P]
        oro-test-peer hotpath  [--count K] [--backend B]                 in a release build
        oro-test-peer streampings [--count K] [--streams N] [--backend B]   pings beside streams
        oro-test-peer fairness [--count K] [--gap US] [--attack A,…] [--attackers N,…] [--backend B] [--memory MIB] [--json] [--markdown]
                                                                         pings beside attacks
        oro-test-peer assail   --name N [--folder F] --attack A          one attack, until it is killed
        oro-test-peer kills    [--count K] [--backend B] [--only OPERATION]
        oro-test-peer restarts [--count K] [--backend B] [--drain]       hosts are killed and replaced under load
        oro-test-peer restarthost --name N --log FILE [--folder F]       (its hosts)
        oro-test-peer clientkills [--count K] [--seed S] [--backend B]   clients are killed while they come back
        oro-test-peer blockkills [--rounds K] [--backend B]              kills of who holds blocks, or reads in them
        oro-test-peer ports    [--processes N] [--channels K] [--transfers T] [--messages M] [--backend B] [--seed S] [--brokered]
        oro-test-peer portkills [--count K] [--backend B] [--seed S]     one of three is killed while a port moves
        oro-test-peer worst    [--only TEXT] [--steps K] [--seed S]      the worst input of each decoder and built-in route
        oro-test-peer forks    [--count K] [--backend B]                 children of a process with clients, hosts and ports
        oro-test-peer soak     [--minutes M | --seconds S] [--every S] [--backend B] [--seed S]
        Any: --refuse-io-uring installs a seccomp filter first.
        """

    let verb: String
    private var values: [String: String] = [:]

    init(_ arguments: [String]) {
        verb = arguments.count > 1 ? arguments[1] : ""
        var index = 2
        while index < arguments.count {
            let name = String(arguments[index].drop { $0 == "-" })
            if index + 1 < arguments.count, !arguments[index + 1].hasPrefix("--") {
                values[name] = arguments[index + 1]
                index += 2
            } else {
                values[name] = ""
                index += 1
            }
        }
    }

    func has(_ name: String) -> Bool { values[name] != nil }
    func text(_ name: String) -> String? { values[name] }
    func number(_ name: String, _ otherwise: Int) -> Int { values[name].flatMap { Int($0) } ?? otherwise }

    var backend: WakeBackend? { text("backend").flatMap { WakeBackend(rawValue: $0) } }
    var idle: IdlePolicy { text("idle").flatMap { IdlePolicy(rawValue: $0) } ?? .adaptive }

    var hostOptions: HostOptions {
        var options = HostOptions()
        options.folder = text("folder")
        options.backend = backend
        options.idle = idle
        options.links = number("links", options.links)
        options.link.loans = number("loans", options.link.loans)
        options.link.messageBytes = number("message-bytes", options.link.messageBytes)
        options.receivedBytesPerLink = number("received-per-link", options.receivedBytesPerLink)
        options.receivedBytes = number("received", options.receivedBytes)
        options.ports.allowsMeetings = true
        options.ports.allowsDescriptors = true
        options.handshakes = number("handshakes", options.handshakes)
        options.handshakeMilliseconds = number("handshake", options.handshakeMilliseconds)
        return options
    }

    var clientOptions: ClientOptions {
        var options = ClientOptions()
        options.folder = text("folder")
        options.backend = backend
        options.idle = idle
        options.handshakeMilliseconds = number("handshake", options.handshakeMilliseconds)
        return options
    }

    func name() throws -> String {
        guard let name = text("name") else { throw Usage("--name is missing") }
        return name
    }
}

struct Usage: Error, CustomStringConvertible {
    let description: String
    init(_ text: String) { description = text }
}

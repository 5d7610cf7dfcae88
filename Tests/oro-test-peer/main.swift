// SPDX-License-Identifier: Apache-2.0

// The other process of the tests: a host, a client, or one of the drivers. See `usage` in Arguments.swift.
import CTestSupport
import Foundation
import OroConformance
import OroIPC

oro_line_buffered()
let arguments = Arguments(CommandLine.arguments)
if arguments.has("refuse-io-uring") {
    let status = oro_refuse_io_uring()
    guard status == 0 else { fatalError("no seccomp filter: \(status)") }
}
do {
    switch arguments.verb {
    case "serve": try serve(arguments)
    case "postandwait": try postAndWait(arguments)
    case "conform": try await conform(arguments)
    case "hostile": try Hostile.run(arguments)
    case "attack": try await hostileTrial(arguments)
    case "attackclients": try await hostileHostTrial(arguments)
    case "badhost": try HostileHost.run(arguments)
    case "exposed": try await exposed(arguments)
    case "limits": try await limits(arguments)
    case "wakeups": try await wakeups(arguments)
    case "big": try await big(arguments)
    case "idle": try await idleLinks(arguments)
    case "idlewaits": try await idleWaits(arguments)
    case "crowd": try crowd(arguments)
    case "hotpath": try await hotpath(arguments)
    case "streampings": try await streamPings(arguments)
    case "fairness": try await fairness(arguments)
    case "assail": try Assailant.run(arguments)
    case "kills": try await kills(arguments)
    case "victim": try victim(arguments)
    case "restarts": try await restarts(arguments)
    case "restarthost": try restartHost(arguments)
    case "clientkills": try await clientKills(arguments)
    case "restlessclient": try await restlessClient(arguments)
    case "blockkills": try await blockKills(arguments)
    case "blockvictim": try await blockVictim(arguments)
    case "ports": try await portTraffic(arguments)
    case "portworker": try await portWorker(arguments)
    case "portkills": try await portKills(arguments)
    case "portvictim": try portVictim(arguments)
    case "porttalker": try portTalker(arguments)
    case "forks": try forks(arguments)
    case "soak": try await soak(arguments)
    case "soakhost": try soakHost(arguments)
    case "hothost": try hothost(arguments)
    case "worst": try await worst(arguments)
    default:
        print(Arguments.usage)
        exit(64)
    }
} catch {
    print("failed: \(error)")
    exit(1)
}

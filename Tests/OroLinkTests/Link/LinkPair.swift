// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation

@testable import OroLink

/// The two ends of a link in one process, and their sockets as numbers.
struct LinkPair {
    let client: Link
    let host: Link

    init(sendBuffer: Int32? = nil) throws {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0 else {
            throw LinkError.system(call: "socketpair", errno: errno)
        }
        if var bytes = sendBuffer {
            for end in ends { setsockopt(end, SOL_SOCKET, SO_SNDBUF, &bytes, socklen_t(MemoryLayout<Int32>.size)) }
        }
        let (mine, theirs) = (ends[0], ends[1])
        nonisolated(unsafe) var outcome: Swift.Result<Link, any Error>?
        let thread = Thread {
            outcome = Swift.Result {
                try Rendezvous.shakeHands(Descriptor(mine, .socket), limits: LinkLimits(), timeoutMilliseconds: 10_000)
            }
        }
        thread.start()
        var socket = theirs
        while true {
            let greeting = Rendezvous.greet(Descriptor(socket, .socket), .current, limits: LinkLimits())
            switch consume greeting {
            case .notYet(let same): socket = same.release()
            case .link(let link):
                host = link
                while !thread.isFinished { sched_yield() }
                client = try outcome!.get()
                return
            case .refused(let refusal): throw LinkError.refused(refusal)
            case .failed(let error): throw error
            }
            sched_yield()
        }
    }
}

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
        let handshake = ClientHandshake(
            Descriptor(ends[0], .socket), limits: LinkLimits(), timeoutMilliseconds: 10_000)
        try handshake.begin()
        switch Handshake.accept(Descriptor(ends[1], .socket), .current, limits: LinkLimits()) {
        case .notYet: throw LinkError.violation("the hello has not come")
        case .link(let link): host = link
        case .refused(let refusal): throw LinkError.refused(refusal)
        case .failed(let error): throw error
        }
        guard let link = try handshake.step() else { throw LinkError.violation("the welcome has not come") }
        client = link
    }
}

// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame
import OroLink

// Commands without a result, one by one or in a batch.
extension ClientCore {
    /// A command without a result.
    func post(
        _ command: String, _ value: Value?, _ bytes: Bytes?, headers: Headers? = nil, encoded: EncodedValue? = nil,
        seq: Seq? = nil
    ) throws(LinkError) {
        if link.isOver { throw link.ending ?? .closed }
        let bytes = try placed(bytes, .copy, nil)
        try link.withRing(shared: isInTask) { (ring) throws(LinkError) in
            try post(ring, command, value, bytes, headers: headers, encoded: encoded, seq: seq, isHeld: false)
        }
    }

    /// The same on `ring`, which is the caller's; `isHeld`: shown to the host together with those after it.
    @inline(__always)
    func post(
        _ ring: Int, _ command: String, _ value: Value?, _ bytes: Bytes?, headers: Headers? = nil,
        encoded: EncodedValue? = nil, seq: Seq? = nil, isHeld: Bool
    ) throws(LinkError) {
        // A name that has a number was checked when it was first sent; with another no seq is used up.
        if unsafe rings[ring].numbers.recall(command) == 0, !CommandName.isValid(command) {
            throw .unencodable("'\(command.prefix(64))' is not a command")
        }
        try send(
            .post, command, value, encoded, bytes, headers, seq: seq ?? takeSeq(), ticket: 0, deadline: 0,
            isHeld: isHeld, ring: ring)
    }

    /// Runs `body` with a ring that is the caller's meanwhile, and shows the host everything at the end.
    func batch<R>(_ body: (Int) throws(LinkError) -> R) throws(LinkError) -> R {
        if link.isOver { throw link.ending ?? .closed }
        return try link.withRing(shared: isInTask) { (ring) throws(LinkError) in
            defer { link.flush(ring) }
            return try body(ring)
        }
    }
}

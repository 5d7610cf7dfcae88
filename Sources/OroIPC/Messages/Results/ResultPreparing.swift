// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroLink

// What takes long is done by whoever has made an answer, on its own thread, and not on the host's: a large payload is
// copied into a block, and a value of many parts is encoded.
extension Result {
    mutating func prepare(for arena: Arena) {
        if let placed = try? arena.placed(bytes) { bytes = placed }
        guard encoded == nil, err == nil, let data, data.isLong, let encoded = try? EncodedValue(data) else { return }
        setContent(Content(encoded, like: content))
    }
}

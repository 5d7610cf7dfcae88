// SPDX-License-Identifier: Apache-2.0

import OroFrame
import TestGenerators

/// A frame that decodes encodes to the bytes it came from.
enum FrameTarget {
    static func check(_ input: [UInt8]) {
        guard let (frame, payload) = try? Frame.decoded(input) else { return }
        let again = try? frame.encoded(payload: payload)
        require(again == input, "a frame encodes to other bytes: \(String(describing: again))")
    }
}

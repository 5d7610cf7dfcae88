// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

/// A frame that came, in private memory, as ports know it: `FrameStorage` is the one there is.
package protocol ReceivedFrame: AnyObject, Sendable {
    /// Read and checked.
    var header: FrameHeader { get }
    /// `nil` when it has none.
    var payload: Bytes? { get }
    var view: FrameView {
        @_lifetime(borrow self)
        get throws(FrameError)
    }
    /// Lets another account pay for its memory, where that has room.
    func rebook(to other: ByteAccount)
}

extension ReceivedFrame {
    /// The bytes of the value, to be passed on.
    package var encodedValue: EncodedValue {
        guard let view = try? view else { return EncodedValue(passingOn: RawSpan()) }
        return EncodedValue(passingOn: view.bytes.extracting(view.layout.value))
    }

    /// UNTRUSTED: the value, of a frame whose value is never long: what is longer is refused before it is decoded.
    /// `nil`: there is none.
    func shortValue(most: Int) throws(FrameError) -> Value? {
        let count = Int(header.valueBytes)
        guard count <= most else { throw .overLimit(.frameBytes, value: count, limit: most) }
        return try view.value()?.decode()
    }
}

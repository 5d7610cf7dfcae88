// SPDX-License-Identifier: Apache-2.0

/// The bounds every encoder and decoder of this module works within.
///
/// A sender is held to the same bounds as a receiver, so that what one peer can write with the default limits
/// the other can read with them.
public struct FrameLimits: Hashable, Sendable {
    /// Longest whole frame in bytes: header, body and inline payload. 64 MiB of payload and 64 KiB around it; more
    /// than 4 GiB - 1 counts as that, the most the format can say.
    public var maxFrameBytes: Int

    /// How many arrays and objects may stand inside one another. A bare scalar has depth 0, `[1]` depth 1.
    public var maxDepth: Int

    /// How many elements and members one value may have, over all its levels together.
    ///
    /// One byte on the wire can become a 17-byte `Value`, an empty-looking object much more: this bounds what a
    /// small hostile frame can make its reader allocate.
    public var maxItems: Int

    /// Longest magnitude of a big integer in bytes. Turning n of them into decimal text takes O(n^1.59).
    public var maxBigIntBytes: Int

    /// Longest name of a command or of a result's source, in UTF-8 bytes.
    public var maxNameBytes: Int

    /// Most decimal digits of a `Seq`.
    public var maxSeqDigits: Int

    /// Most header pairs of one frame.
    public var maxHeaderPairs: Int

    /// Most combining marks in a row in names and texts that ``ValueDecoder`` decodes as a Swift `String`. (Unicode's
    /// Stream-Safe Text Format has 30.) Swift compares and hashes a `String` in the square of their number. A ``Value``
    /// takes any number: it is compared by its bytes.
    public var maxCombiningMarks: Int

    /// The defaults, each of which can be changed afterwards.
    @inlinable
    public init() {
        maxFrameBytes = 64 << 20 + 64 << 10
        maxDepth = 64
        maxItems = 1 << 20
        maxBigIntBytes = 16 << 10
        maxNameBytes = 255
        maxSeqDigits = 4096
        maxHeaderPairs = 256
        maxCombiningMarks = 128
    }

    /// The limits both peers use unless told otherwise.
    @inlinable
    public static var `default`: FrameLimits { FrameLimits() }

    /// ``maxFrameBytes``, within what the header's 32-bit lengths can say.
    @usableFromInline
    var frameBytes: Int { min(maxFrameBytes, Int(UInt32.max)) }
}

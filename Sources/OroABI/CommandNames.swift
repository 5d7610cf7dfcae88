// SPDX-License-Identifier: Apache-2.0

import OroLink

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Commands as texts: the same bytes give the same `String`, whose storage the engine then knows its route number by.
///
/// A short one lies in the `String` itself and needs no table.
final class CommandNames: Sendable {
    private static let slots = 64
    private static let inlineBytes = 15

    private let known = Locked([String](repeating: "", count: slots))

    /// For who calls seldom.
    static let none = CommandNames()

    /// A text of at most ``inlineBytes``. The generic initializer that checks UTF-8 looks metadata up each time: 900
    /// instructions, and a command is ASCII.
    @inline(__always)
    private static func short(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
        var all: UInt8 = 0
        for index in 0..<bytes.count { unsafe all |= bytes[index] }
        if all >= 0x80 { return unsafe String(validating: bytes, as: UTF8.self) }
        return unsafe String(unsafeUninitializedCapacity: bytes.count) { room in
            // There is room for as many.
            for index in 0..<bytes.count { unsafe room[index] = bytes[index] }
            return bytes.count
        }
    }

    /// The command that is `count` bytes at `base`; `nil` when they are not UTF-8.
    func name(_ base: UnsafeRawPointer, _ count: Int) -> String? {
        // C says that there are so many.
        let bytes = unsafe UnsafeBufferPointer(start: base.assumingMemoryBound(to: UInt8.self), count: count)
        if count <= CommandNames.inlineBytes { return unsafe CommandNames.short(bytes) }
        // FNV-1a.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in 0..<min(count, 255) { hash = unsafe (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3 }
        let slot = Int(truncatingIfNeeded: hash >> 58)
        return known.withLock { known in
            let isSame = known[slot].withUTF8 { utf8 in
                // Both have that many bytes.
                unsafe utf8.count == count && memcmp(utf8.baseAddress!, base, count) == 0
            }
            if isSame { return known[slot] }
            guard let name = unsafe String(validating: bytes, as: UTF8.self) else { return nil }
            known[slot] = name
            return name
        }
    }
}

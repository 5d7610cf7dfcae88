// SPDX-License-Identifier: Apache-2.0

import OroFrame

/// What a text says as JSON; `nil` when it is not JSON. (`null` is JSON: `.null`.)
///
/// A text that is JSON only once its backslashes count as backslashes, such as `"C:\Users"`, is read that way: each
/// backslash without another in front of it is doubled. Never throws. O(n) for each of the two attempts, and O(n^1.59)
/// for a large integer, whose length ``FrameLimits`` bounds.
package func parseJSON(_ text: String) -> Value? {
    if let value = try? Value(json: text) { return value }
    guard text.utf8.contains(UInt8(ascii: "\\")) else { return nil }
    return try? Value(json: doublingBackslashes(text))
}

/// The text with a second backslash behind each that follows no other.
private func doublingBackslashes(_ text: String) -> String {
    let backslash = UInt8(ascii: "\\")
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count + 8)
    var previous: UInt8 = 0
    for byte in text.utf8 {
        if byte == backslash, previous != backslash { bytes.append(backslash) }
        bytes.append(byte)
        previous = byte
    }
    // Only ASCII was put in, between scalars.
    return String(decoding: bytes, as: UTF8.self)
}

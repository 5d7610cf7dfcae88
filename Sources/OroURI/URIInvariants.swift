// SPDX-License-Identifier: Apache-2.0

/// What holds for any bytes at all, for tests and fuzzers.
package enum URIInvariants {
    /// Reads the bytes as a URI and as a form, writes what was read, and reads that again. Says what is not the same
    /// then; `nil` when all is well. Total, O(n).
    package static func broken(by bytes: [UInt8]) -> String? {
        if let uri = try? URI(String(decoding: bytes, as: UTF8.self)) {
            guard let again = try? URI(uri.href) else { return "'\(uri.href)' is not read again" }
            guard again == uri else { return "'\(uri.href)' is read as '\(again.href)'" }
        }
        let pairs = FormURLEncoded.parse(bytes)
        for form in [FormURLEncoded.serialize(pairs), FormURLEncoded.serializeWithoutPlus(pairs)] {
            let again = FormURLEncoded.parse(form)
            guard
                again.elementsEqual(
                    pairs,
                    by: { $0.name.utf8.elementsEqual($1.name.utf8) && $0.value.utf8.elementsEqual($1.value.utf8) })
            else { return "the pairs of '\(form)' are not the same when it is read again" }
        }
        return nil
    }
}

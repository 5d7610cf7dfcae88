// SPDX-License-Identifier: Apache-2.0

import OroBase

/// What may name a command: 1 to 255 of `A-Z a-z 0-9 . _ -`. Anything else could be mistaken for a part of a URI.
enum CommandName {
    /// What somebody is told who has named one that cannot be.
    static func refusal(_ name: String) -> IPCError {
        .type("a command is 1 to 255 of A-Z a-z 0-9 . _ -, not '\(name.prefix(64))'")
    }

    static func isValid(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { text in
            guard (1...255).contains(text.count) else { return false }
            for index in text.indices {
                switch unsafe text[index] {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    continue
                default: return false
                }
            }
            return true
        }
    }
}

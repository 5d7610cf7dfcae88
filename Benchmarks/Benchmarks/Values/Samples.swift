// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC

/// A small request, as most are.
struct StatRequest: Codable, Sendable {
    var path = "/home/ada/notes/2024/meeting notes.txt"
    var follow = true
    var fields = ["size", "mode", "mtime"]
}

/// What a folder's listing answers: 100 records of 8 members.
struct Listing: Codable, Sendable {
    struct Entry: Codable, Sendable {
        var name: String
        var size: Int64
        var mode: UInt32
        var uid: Int
        var gid: Int
        var modified: Double
        var isFolder: Bool
        var target: String?

        init(number: Int) {
            name = "file number \(number).txt"
            size = Int64(number) * 1_000_003
            mode = 0o100644
            uid = 1000
            gid = 1000
            modified = 1_700_000_000.25 + Double(number)
            isFolder = number % 10 == 0
            target = number % 7 == 0 ? "/elsewhere/\(number)" : nil
        }
    }
    var path = "/home/ada"
    var entries = (0..<100).map(Entry.init(number:))
}

/// Numbers only.
struct Samples: Codable, Sendable {
    var rate = 48_000
    var values = (0..<1_000).map { sin(Double($0)) }
}

/// Bytes only: 64 KiB.
struct Blob: Codable, Sendable {
    var name = "blob"
    var content = Data((0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 31) })
}

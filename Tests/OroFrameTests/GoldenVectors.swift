// SPDX-License-Identifier: Apache-2.0

import BigInt
import Foundation
import OroFrame
import Testing

/// The tables of docs/wire-format.md, so that the text and the code cannot drift apart.
struct GoldenVector: CustomTestStringConvertible, Sendable {
    let bytes: [UInt8]
    let meaning: String

    var testDescription: String { meaning }

    /// The rows under a heading of a document.
    static func table(_ heading: String, of name: String = "wire-format.md") -> [GoldenVector] {
        guard let document = try? String(contentsOf: documentURL(name), encoding: .utf8) else { return [] }
        let section = document.components(separatedBy: "\n### \(heading)\n").dropFirst().first ?? ""
        return section.prefix(section: "\n### ").split(separator: "\n")
            .filter { $0.hasPrefix("| ") && !$0.hasPrefix("| bytes |") }
            .map { row in
                let cells = row.split(separator: "|", maxSplits: 2).map {
                    $0.trimmingCharacters(in: .whitespaces)
                }
                let meaning = cells[1].hasSuffix("|") ? String(cells[1].dropLast()) : cells[1]
                return GoldenVector(
                    bytes: hex(cells[0].trimmingCharacters(in: ["`"])),
                    meaning: meaning.trimmingCharacters(in: .whitespaces))
            }
    }

    private static func documentURL(_ name: String) -> URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "docs/\(name)")
    }

    /// Bytes written as `61 ff*3`.
    static func hex(_ text: String) -> [UInt8] {
        text.split(separator: " ").flatMap { token in
            let parts = token.split(separator: "*")
            let count = parts.count > 1 ? Int(parts[1]) ?? 0 : 1
            return [UInt8](repeating: UInt8(parts[0], radix: 16) ?? 0, count: count)
        }
    }
}

extension String {
    fileprivate func prefix(section end: String) -> String {
        components(separatedBy: end).first ?? ""
    }
}

extension Value {
    /// A value as the document writes it: JSON, or a word and what it applies to.
    init(meaning: String) throws {
        let words = meaning.split(separator: " ", maxSplits: 1).map(String.init)
        let argument = words.count > 1 ? words[1] : ""
        let repeated = argument.split(separator: "*").map(String.init)
        switch words[0] {
        case "bigint": self = .bigint(BigInt(argument)!)
        case "bytes": self = .bytes(GoldenVector.hex(argument))
        case "double": self = .double(Double(argument)!)
        case "string": self = .string(String(repeating: repeated[0], count: Int(repeated[1])!))
        case "array":
            self = .array(Array(repeating: try Value(json: repeated[0]), count: Int(repeated[1])!))
        default: self = try Value(json: meaning)
        }
    }
}

extension Frame {
    /// A frame as the document writes it: the kind, then fields. Returns the payload as well.
    static func from(meaning: String) throws -> (Frame, payload: [UInt8]) {
        let words = meaning.split(separator: " ").map(String.init)
        let kind = FrameKind.allCases.first { "\($0)" == words[0] }!
        var frame = Frame(kind)
        var payload: [UInt8] = []
        for word in words.dropFirst() {
            let pair = word.split(separator: "=", maxSplits: 1).map(String.init)
            switch pair[0] {
            case "route": frame.route = UInt16(pair[1])!
            case "deadline", "status", "count": frame.deadline = UInt32(pair[1])!
            case "ticket": frame.ticket = UInt64(pair[1])!
            case "seq": frame.seq = try Seq(pair[1])
            case "failed": frame.failed = true
            case "name": frame.name = pair[1]
            case "source": frame.source = pair[1]
            case "value": frame.value = try Value(json: pair[1])
            case "headers":
                frame.headers = pair[1].split(separator: ",").map { header in
                    let halves = header.split(separator: ":").map(String.init)
                    return (halves[0], halves[1])
                }
            case "empty": frame.hasEmptyPayload = true
            case "payload": payload = Array(pair[1].utf8)
            case "flags": frame.requestFlags = FrameFlags(rawValue: UInt8(pair[1].dropFirst(2), radix: 16)!)
            case "block":
                let numbers = pair[1].split(separator: ",").map { UInt64($0)! }
                frame.block = BlockReference(
                    slot: UInt32(numbers[0]), serial: UInt32(numbers[1]), loan: numbers[2], offset: numbers[3],
                    count: numbers[4])
            default: throw UnknownField(name: pair[0])
            }
        }
        frame.payloadBytes = payload.count
        return (frame, payload)
    }
}

struct UnknownField: Error {
    let name: String
}

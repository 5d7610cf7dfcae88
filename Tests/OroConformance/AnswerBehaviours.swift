// SPDX-License-Identifier: Apache-2.0

import BigInt
import Foundation
import OroIPC

extension Behaviour {
    static let answers: [Behaviour] = [
        Behaviour("a result carries data, bytes, or both, and the caller's spelling of the command") { subject in
            let client = try subject.client()
            let pong = client.sendSync("ping")
            try expectEqual(pong.data, "pong")
            try expect(pong.err == nil && pong.bytes == nil && pong.isOK)
            try expectEqual(pong.source, "ping")
            let both = await client.send("echo", ["a": 1], bytes: [1, 2, 3])
            try expectEqual(both.data, ["a": 1])
            try expectEqual(both.bytes, [1, 2, 3])
            let none = await client.request("echo")
            try expect(none.isOK && none.data == nil && none.bytes == nil, "\(none)")
            try expectEqual((await client.write("echo.async", nil, [9])).bytes, [9])
        },
        Behaviour("an error arrives with name, message, code and further members, and nothing else") { subject in
            let client = try subject.client()
            let parameters: Value = ["name": "RangeError", "message": "too far", "code": "E_FAR", "path": "/x"]
            for result in [client.sendSync("fail", parameters), await client.request("fail", parameters)] {
                try expectEqual(
                    result.err, IPCError(name: "RangeError", message: "too far", code: "E_FAR", extra: ["path": "/x"]))
                try expect(result.data == nil && result.bytes == nil && !result.isOK)
            }
            let other = client.sendSync("throw.other")
            try expectEqual(other.err?.name, "Error")
            try expect(other.err?.message.contains("other") == true)
        },
        Behaviour("every kind of value comes back as it went") { subject in
            let client = try subject.client()
            for value in values {
                try expectEqual(client.sendSync("echo", value).data, value, "sync")
                try expectEqual((await client.request("echo.async", value)).data, value, "async")
            }
        },
        Behaviour("an unknown command gets NotFoundError, exactly") { subject in
            let client = try subject.client()
            for result in [
                client.sendSync("no.such"), await client.request("no.such"), client.sendSync("no.such"),
                await client.send("no.such", ["some": "value"], bytes: [1]),
            ] {
                guard let error = result.err else { throw Unexpected("no error") }
                try expectEqual(error.name, "NotFoundError")
                try expectEqual(error.message, "Not found")
                try expectEqual(error.code, "NOT_FOUND_ERR")
                try expectEqual(Array(error.extra.keys), ["url"])
                let url = error.extra["url"]?.string ?? ""
                try expect(url.hasPrefix("ipc://no.such?index=0&seq=R"), url)
                try expectEqual(result.source, "no.such")
            }
            try expectEqual(client.sendSync("nope").err?.extra["url"], "ipc://nope?index=0&seq=R5")
            try expectEqual(client.sendSync("ping").data, "pong", "the link lives on")
        },
    ]

    private static let values: [Value] = [
        .null, true, false, 0, 1, -1, .int(.min), .int(.max), .bigint(BigInt(5)),
        .bigint(BigInt("123456789012345678901234567890123456789012345678901234567890")),
        .bigint(-(BigInt(1) << 1000)), 0.5, .double(-0.0), .double(.infinity), .double(.nan),
        .double(.leastNonzeroMagnitude), "", "text", "ümläut 🦉 \u{0}", .string(String(repeating: "x", count: 70_000)),
        .bytes([]), .bytes([0, 255]), .bytes(pattern(20_000, seed: 1)), [], [1, "two", nil, [3.5]], [:],
        ["z": 1, "a": ["nested": [true, .bigint(BigInt(7))]], "": .bytes([1])],
        .array((0..<3000).map { .int($0) }),
    ]

    static let names: [Behaviour] = [
        Behaviour("a bad command name is a TypeError, and nothing is sent") { subject in
            let client = try subject.client()
            for name in ["", " ", "a b", "a/b", "ä", "a?b", "a\u{0}", String(repeating: "x", count: 256)] {
                for result in [client.sendSync(name), await client.request(name)] {
                    try expectEqual(result.err?.name, "TypeError", name)
                    try expectEqual(result.source, name)
                }
                do {
                    try client.post(name)
                    throw Unexpected("posted \(name)")
                } catch is LinkError {}
            }
            try expectEqual(client.sendSync(String(repeating: "x", count: 255)).err?.name, "NotFoundError")
            try expectEqual(client.sendSync("seq").data, "2", "no seq was used up")
        },
        Behaviour("names are compared without case, and the source keeps the caller's") { subject in
            let client = try subject.client()
            for name in ["name.of.this", "NAME.OF.THIS", "Name.Of.This", "nAME.oF.tHIS"] {
                for result in [client.sendSync(name), await client.request(name), client.sendSync(name)] {
                    try expectEqual(result.data, "Name.Of.This")
                    try expectEqual(result.source, name)
                }
            }
        },
        Behaviour("commands are mapped, replaced and unmapped while others are served", clients: 2) { subject in
            let client = try subject.client()
            let other = try subject.client()
            async let traffic: Void = onThread {
                for index in 0..<2000 {
                    try expectEqual(client.sendSync("echo", .int(Int64(index))).data, .int(Int64(index)))
                }
            }
            for index in 0..<50 {
                let name = index % 2 == 0 ? "passing" : "PASSING"
                try expectEqual(other.sendSync("passing").err?.name, "NotFoundError")
                try expect(other.sendSync("test.map", ["name": .string(name), "reply": "old"]).isOK)
                try expectEqual(other.sendSync("passing").data, "old")
                try expect(other.sendSync("test.map", ["name": "Passing", "reply": "new"]).isOK)
                try expectEqual((await other.request("passing")).data, "new")
                try expect(other.sendSync("test.unmap", ["name": "PassinG"]).isOK)
            }
            try await traffic
        },
        Behaviour("more command names than a ring numbers are told apart") { subject in
            let client = try subject.client()
            try await onThread {
                for index in 0..<4200 {
                    let result = client.sendSync("many.\(index)")
                    let url = result.err?.extra["url"]?.string ?? ""
                    try expect(url.hasPrefix("ipc://many.\(index)?"), "\(index): \(result)")
                }
                try expectEqual(client.sendSync("ping").data, "pong")
            }
        },
    ]

    static let sequence: [Behaviour] = [
        Behaviour("the engine counts requests 1, 2, 3") { subject in
            let client = try subject.client()
            for index in 1...20 {
                let result = index % 2 == 0 ? client.sendSync("seq") : await client.request("seq")
                try expectEqual(result.data, .string("\(index)"))
            }
            try await onThread {
                for index in 21...40 { try expectEqual(client.sendSync("seq").data, .string("\(index)")) }
            }
        },
        Behaviour("a caller's own seq of any size is carried and matched exactly") { subject in
            let client = try subject.client()
            let wide: [BigInt] = [
                0, -1, BigInt(UInt64.max), (BigInt(1) << 64) + 5, -(BigInt(1) << 70),
                BigInt(String(repeating: "7", count: 100))!, BigInt("-" + String(repeating: "9", count: 100))!,
                BigInt(1) << 53 + 1,
            ]
            for number in wide {
                for result in [
                    client.sendSync("seq", options: CallOptions(seq: Seq(number))),
                    await client.request("seq", options: CallOptions(seq: Seq(number))),
                    await client.request("echo.async", .string("\(number)"), options: CallOptions(seq: Seq(number))),
                ] {
                    try expectEqual(result.data, .string("\(number)"), "\(result)")
                }
            }
            let error = client.sendSync("no.such", options: CallOptions(seq: Seq((BigInt(1) << 64) + 5))).err
            try expectEqual(error?.extra["url"], "ipc://no.such?index=0&seq=R18446744073709551621")
        },
        Behaviour("a seq that is in flight is refused, and free again afterwards") { subject in
            let client = try subject.client()
            for seq in [Seq(77), Seq((BigInt(1) << 64) + 5), Seq(BigInt(-5))] {
                async let first = client.request("sleep", ["ms": 300, "tag": "first"], options: CallOptions(seq: seq))
                try await until("the first is in flight") { client.statistics.pending == 1 }
                let second = await client.request("ping", options: CallOptions(seq: seq))
                try expectEqual(second.err?.name, "InvalidAccessError")
                try expectEqual(client.sendSync("ping", options: CallOptions(seq: seq)).err?.name, "InvalidAccessError")
                try expectEqual((await first).data, "first")
                try expectEqual((await client.request("ping", options: CallOptions(seq: seq))).data, "pong")
            }
            // A seq equal to another's in its low 64 bits is another seq.
            async let low = client.request("sleep", ["ms": 200, "tag": "low"], options: CallOptions(seq: Seq(505)))
            try await until("it is in flight") { client.statistics.pending == 1 }
            let high = await client.request("seq", options: CallOptions(seq: Seq((BigInt(1) << 64) + 505)))
            try expectEqual(high.data, .string("\((BigInt(1) << 64) + 505)"))
            try expectEqual((await low).data, "low")
        },
    ]
}

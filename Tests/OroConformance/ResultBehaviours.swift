// SPDX-License-Identifier: Apache-2.0

import OroIPC

extension Behaviour {
    static let results: [Behaviour] = [
        Behaviour("headers and a source of the handler's come with its result") { subject in
            let client = try subject.client()
            let cookies = "set-cookie: A=1\nset-cookie: B=2\nX-One: é"
            for value in [
                ["headers": .string(cookies)], ["headers": .string(cookies), "data": 5, "source": "other"],
                ["headers": .string(cookies), "fail": "no"],
            ] as [Value] {
                for result in [client.sendSync("headers", value), await client.request("headers", value)] {
                    try expectEqual(result.headers, try Headers.from(cookies), "\(value)")
                    try expectEqual(result.headers?.getSetCookie(), ["A=1", "B=2"])
                    try expectEqual(result.source, value["source"]?.string ?? "headers")
                    try expectEqual(result.data, value["data"])
                    try expectEqual(result.err?.message, value["fail"]?.string)
                }
            }
            let bare = client.sendSync("headers", ["source": "only"])
            try expectEqual(bare.source, "only")
            try expectEqual(client.sendSync("headers", ["source": ""]).source, "headers")
            try expect(bare.data == nil && bare.isOK && client.sendSync("ping").headers == nil)
            let empty = client.sendSync("headers", .object([:]))
            try expectEqual(empty.headers, Headers(), "none and no headers are two things")
        },
        Behaviour("more headers than a frame has are an error of the result") { subject in
            let client = try subject.client()
            let many = (0..<300).map { "x-\($0): 1" }.joined(separator: "\n")
            let result = client.sendSync("headers", ["headers": .string(many)])
            try expectEqual(result.err?.kind, .range)
            try expectEqual(client.sendSync("ping").data, "pong")
        },
        Behaviour("headers go with a request, whatever else does") { subject in
            let client = try subject.client()
            let headers = try Headers.from("set-cookie: A=1\nset-cookie: B=2\nX-One: é")
            let options = CallOptions(headers: headers)
            for (value, bytes) in [
                (nil, nil), (5, nil), (nil, Bytes([1, 2])), (5, Bytes([UInt8](repeating: 7, count: 100_000))),
            ]
                as [(Value?, Bytes?)]
            {
                for result in [
                    client.sendSync("headers.back", value, bytes: bytes, options: options),
                    await client.send("headers.back", value, bytes: bytes, options: options),
                ] {
                    try expectEqual(result.headers, headers)
                    try expectEqual(result.data, value)
                    try expectEqual(result.bytes.map { [UInt8]($0) }, bytes.map { [UInt8]($0) })
                }
            }
            var message = try Message.from("headers.back", ["a": 1])
            try expectEqual(message.headers, Headers())
            message.headers = headers
            try expectEqual(await client.send(message).headers, headers)
            let other = try Headers.from("other: 1")
            try expectEqual(client.sendSync(message, options: CallOptions(headers: other)).headers, other)
            try expectEqual(client.sendSync("headers.back").headers, Headers())
        },
        Behaviour("a request with more headers than a frame has is not sent") { subject in
            let client = try subject.client()
            let many = try Headers.from((0..<300).map { "x-\($0): 1" }.joined(separator: "\n"))
            for result in [
                client.sendSync("ping", options: CallOptions(headers: many)),
                await client.request("ping", options: CallOptions(headers: many)),
            ] {
                try expectEqual(result.err?.kind, .range)
            }
            try expectEqual(client.sendSync("ping").data, "pong")
        },
        Behaviour("a result has an id of its own, which does not change", clients: 2) { subject in
            let clients = [try subject.client(), try subject.client()]
            var seen: Set<String> = []
            for index in 0..<400 {
                let client = clients[index % 2]
                let result = index % 4 < 2 ? client.sendSync("echo", .int(1)) : await client.request("ping")
                guard let id = result.id, UInt64(id) != nil else { throw Unexpected("\(result.id ?? "no id")") }
                try expectEqual(result.id, id)
                try expect(seen.insert(id).inserted, id)
            }
            let more = try await onThread { (0..<100).compactMap { _ in clients[0].sendSync("ping").id } }
            try expectEqual(seen.union(more).count, 500)
            try expectEqual(clients[0].sendSync("a b").id, nil, "no host made it")
        },
        Behaviour("errors of every kind come as they went") { subject in
            let client = try subject.client()
            let errors =
                IPCError.Class.allCases.map { IPCError($0, "m") } + [
                    .errno(2), .errno(13, "not you"), IPCError(.internal, "m", code: "OWN"),
                    IPCError(name: "MyError", message: "mine", code: "E_MINE"), IPCError(message: "m", code: 77),
                    IPCError(name: "", message: "m"), IPCError(.notFound, ""),
                ]
            for error in errors {
                var parameters = try Value(json: "{}")
                if case .object(var members) = parameters {
                    members["name"] = .string(error.name)
                    members["message"] = .string(error.message)
                    members["code"] = error.code
                    parameters = .object(members)
                }
                var wanted = error
                wanted.extra["path"] = .null
                try expectEqual(client.sendSync("fail", parameters).err, wanted)
                try expectEqual((await client.request("fail", parameters)).err, wanted)
            }
        },
    ]

    static let callOptions: [Behaviour] = [
        Behaviour("the cache is keyed by command and parameters in any order, and keeps no errors") { subject in
            let client = try subject.client()
            let cached = CallOptions(cache: true)
            let first = client.sendSync("seq", ["a": 1, "b": ["x": 1, "y": 2]], options: cached)
            try expectEqual(first.data, "1")
            for result in [
                client.sendSync("seq", ["b": ["y": 2, "x": 1], "a": 1], options: cached),
                await client.request("seq", ["a": 1, "b": ["x": 1, "y": 2]], options: cached),
                await client.send("seq", ["a": 1, "b": ["x": 1, "y": 2]], options: cached),
            ] {
                try expectEqual(result.data, "1")
                try expectEqual(result.id, first.id, "the same result")
            }
            try expectEqual(client.sendSync("seq", ["a": 1, "b": ["x": 1, "y": 2]]).data, "2", "not asked for")
            try expectEqual(client.sendSync("seq", ["a": 1], options: cached).data, "3", "other parameters")
            try expectEqual(client.sendSync("seq", options: cached).data, "4", "none")
            try expectEqual(client.sendSync("seq", .null, options: cached).data, "5")
            try expectEqual(client.sendSync("seq", [1, 2], options: cached).data, "6")
            try expectEqual(client.sendSync("seq", [2, 1], options: cached).data, "7", "an array has an order")
            try expectEqual(client.sendSync("SEQ", [2, 1], options: cached).data, "8", "another spelling")
            let urls = (0..<2).map { _ in client.sendSync("no.such", options: cached).err?.url }
            try expect(urls[0] != urls[1], "\(urls)")
            for byte in 1...2 as ClosedRange<UInt8> {
                try expectEqual(client.sendSync("echo", bytes: [byte], options: cached).bytes, [byte])
            }
            client.forgetCachedResults()
            try expectEqual(client.sendSync("seq", options: cached).data, "13")
        },
        Behaviour("a cache has no more results than it may, and holds no block of the host's") { subject in
            var options = subject.options
            options.cachedResults = 2
            let client = try subject.client(options)
            let cached = CallOptions(cache: true)
            for number in 1...3 { _ = client.sendSync("seq", .int(Int64(number)), options: cached) }
            try expectEqual(client.sendSync("seq", 3, options: cached).data, "3")
            try expectEqual(client.sendSync("seq", 2, options: cached).data, "2")
            try expectEqual(client.sendSync("seq", 1, options: cached).data, "4", "the oldest went")
            let large: Value = ["count": 200_000, "seed": 1]
            let made = client.sendSync("make.loan", large, options: cached)
            try expectEqual(made.bytes?.isBorrowed, true)
            let kept = client.sendSync("make.loan", large, options: cached)
            try expectEqual(kept.bytes?.isBorrowed, false)
            try expectEqual(kept.bytes, made.bytes)
        },
        Behaviour("a timeout is told by the verb that had it") { subject in
            let client = try subject.client()
            let options = CallOptions(timeout: .milliseconds(20))
            let slow: Value = ["ms": 60_000]
            let results = [
                ("send", await client.send("sleep", slow, options: options)),
                ("request", await client.request("sleep", slow, options: options)),
                ("write", await client.write("sleep", slow, [1], options: options)),
                ("sendSync", try await onThread { client.sendSync("sleep", slow, options: options) }),
            ]
            for (verb, result) in results {
                try expectEqual(
                    result.err, IPCError(.timeout, "ipc.\(verb) timed out: 'sleep' gave no answer within 20 ms"))
                try expectEqual(result.source, "sleep")
                try expect(result.data == nil && result.headers == nil)
            }
            let own = await client.send("fail", ["name": "TimeoutError", "message": "ipc.request timed out"])
            try expectEqual(own.err?.message, "ipc.request timed out", "the host's own error")
        },
        Behaviour("a request whose signal was aborted before uses up its seq, and is not sent") { subject in
            let client = try subject.client()
            let controller = AbortController()
            controller.abort("")
            let options = CallOptions(signal: controller.signal)
            for result in [client.sendSync("seq", options: options), await client.request("seq", options: options)] {
                try expectEqual(result.err, .abort())
                try expectEqual(result.source, "seq")
            }
            try expectEqual(client.sendSync("seq").data, "3")
        },
        Behaviour("an answer has the shape that was asked for") { subject in
            let client = try subject.client()
            typealias Row = (type: ResponseType, value: Value?, bytes: Bytes?, data: Value?, made: Bytes?)
            let rows: [Row] = [
                (.any, ["a": 1], [1], ["a": 1], [1]), (.any, nil, [], nil, nil), (.any, nil, nil, nil, nil),
                (.text, nil, Bytes(utf8: "hé"), "hé", Bytes(utf8: "hé")),
                (.text, nil, [0x61, 0xFF], "a\u{FFFD}", [0x61, 0xFF]),
                (.text, "t", nil, "t", nil), (.text, ["a": 1], nil, #"{"a":1}"#, nil), (.text, nil, nil, nil, nil),
                (.text, 5, [0x61], "a", [0x61]),
                (.json, nil, Bytes(utf8: #"{"a":[0]}"#), ["a": [0]], Bytes(utf8: #"{"a":[0]}"#)),
                (.json, ["a": 1], nil, ["a": 1], nil), (.json, 0, nil, 0, nil),
                (.bytes, nil, [1, 2], nil, [1, 2]), (.bytes, "hé", nil, "hé", Bytes(utf8: "hé")),
                (.bytes, .bytes([9]), nil, .bytes([9]), [9]),
                (.bytes, ["a": 1], nil, ["a": 1], Bytes(utf8: #"{"a":1}"#)),
                (.bytes, nil, nil, nil, []),
                // Bytes that look like an envelope are bytes.
                (.bytes, nil, Bytes(utf8: #"{"err":{"message":"x"}}"#), nil, Bytes(utf8: #"{"err":{"message":"x"}}"#)),
            ]
            for row in rows {
                let options = CallOptions(responseType: row.type)
                for result in [
                    client.sendSync("echo", row.value, bytes: row.bytes, options: options),
                    await client.send("echo", row.value, bytes: row.bytes, options: options),
                ] {
                    try expect(result.isOK, "\(row): \(String(describing: result.err))")
                    try expectEqual(result.data, row.data, "\(row)")
                    try expectEqual(result.bytes, row.made, "\(row)")
                }
            }
            let bad = await client.send("echo", bytes: [0x7B], options: CallOptions(responseType: .json))
            try expect(bad.err?.kind == .encoding && bad.bytes == nil && bad.data == nil, "\(bad)")
            for type in [ResponseType.text, .json, .bytes] {
                let failed = client.sendSync("no.such", options: CallOptions(responseType: type))
                try expect(failed.err?.kind == .notFound && failed.data == nil && failed.bytes == nil, "\(type)")
            }
        },
    ]

    static let bindings: [Behaviour] = [
        Behaviour("a binding's members are commands") { subject in
            let client = try subject.client()
            let make = client.createBinding("make")
            let name = "value"
            try expectEqual(try await make.value(count: 3).data, .bytes([1, 1, 1]))
            try expectEqual(try await make[name](["count": 1]).data, .bytes([1]))
            let root = client.createBinding()
            let echo = root.echo
            try expectEqual(try await echo("x").data, "x")
            try expectEqual(try await echo(name).data, "value", "kept, and called again")
            try expectEqual(try await echo.async(5).data, 5)
            try expectEqual(try await echo(nil).data, .null)
            try expect(try await echo().data == nil)
            let both = try await echo(["a": name], Bytes([1, 2]))
            try expect(both.data == ["a": "value"] && both.bytes == [1, 2], "\(both)")
            let named = try await echo(path: name, data: Bytes([3]), n: 5)
            try expect(named.data == ["path": "value", "n": 5] && named.bytes == [3], "\(named)")
            try expectEqual(try await client.createBinding("echo")(7).data, 7)
            try expectEqual(try await client.createBinding("Name").Of.This().source, "Name.Of.This")
            let paths: [(Binding, String)] = [
                (client.createBinding("a").b.a, "a.b.a"), (client.createBinding("fs")[0], "fs.0"),
                (client.createBinding("").x, "x"), (client.createBinding("x").then, "x.then"),
            ]
            for (binding, path) in paths {
                do {
                    try await binding(1)
                    throw Unexpected(path)
                } catch let error as IPCError {
                    try expectEqual(error.kind, .notFound)
                    try expect(error.url?.hasPrefix("ipc://\(path)?") == true, "\(error.extra)")
                }
            }
        },
        Behaviour("a binding uses the verbs and options of its context") { subject in
            let client = try subject.client()
            let slow = Binding.Context(
                default: .request, verbs: ["sleep": .write], options: CallOptions(timeout: .milliseconds(10)))
            let binding = client.createBinding(nil, slow)
            // Verbs are by the whole path.
            var paths = slow
            paths.verbs = ["reply.never": .write, "never": .sendSync]
            let reply = client.createBinding("reply", paths)
            paths.verbs = ["never": .write]
            let other = client.createBinding("reply", paths)
            for (call, verb) in [
                (binding.sleep, "write"), (binding.SLEEP, "request"), (reply.never, "write"), (other.never, "request"),
            ] {
                do {
                    try await call(ms: 60_000)
                    throw Unexpected(verb)
                } catch let error as IPCError {
                    try expect(error.message.hasPrefix("ipc.\(verb) timed out: '"), error.message)
                }
            }
            let sync = client.createBinding("echo", .init(default: .sendSync))
            try expectEqual(try await sync(1).data, 1)
        },
        Behaviour("a binding refuses what it cannot send") { subject in
            let client = try subject.client()
            let echo = client.createBinding("echo")
            let calls: [@Sendable () async throws -> Result] = [
                { try await echo(1, 2) }, { try await echo(Bytes([1]), Bytes([2])) }, { try await echo(a: 1, a: 2) },
                { try await echo(1, b: 2) }, { try await echo["a b"]() },
                { try await client.createBinding()(1) },
            ]
            for (index, call) in calls.enumerated() {
                do {
                    _ = try await call()
                    throw Unexpected("\(index)")
                } catch let error as IPCError {
                    try expectEqual(error.kind, .type, "\(index): \(error)")
                }
            }
        },
    ]
}

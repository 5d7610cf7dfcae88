import OroIPC

let host = try Host(name: "smoke")
host.router.map("ping") { _ in Result(data: "pong") }
host.router.map("echo") { message in Result(bytes: message.bytes) }
host.router.map("slow", async: { message in
    try await Task.sleep(for: .milliseconds(message["ms"]?.int ?? 10))
    return Result(data: ["slept": message["ms"] ?? .null])
})
try host.start()
let client = try Client.connect("smoke")
print(client.sendSync("ping"))
print(client.sendSync("nope").err as Any)
print(client.sendSync("echo", bytes: Bytes(utf8: "hello")).bytes?.utf8String as Any)
print(client.sendSync("echo", bytes: Bytes(utf8: "hello")).bytes?.utf8String as Any)
let big = [UInt8](repeating: 7, count: 64 << 20)
print(client.sendSync("echo", bytes: Bytes(big)).bytes?.count as Any)
print(await client.request("ping"))
print(await client.request("slow", ["ms": 50]))
print(await client.request("slow", ["ms": 5000], options: .init(timeout: .milliseconds(20))).err as Any)
print(client.sendSync("slow", ["ms": 5000], options: .init(timeout: .milliseconds(20))).err as Any)
print(await client.write("echo", nil, Bytes(big)).bytes?.count as Any)
host.stop()
print(client.sendSync("ping").err as Any)

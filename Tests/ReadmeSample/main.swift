import OroIPC

let host = try Host(name: "readme")  // one process
host.router.map("greet") { message in
    Result(data: ["text": "Hello, \(try message.string("name"))"], bytes: message.bytes)
}
try host.start()

let client = try Client.connect("readme")  // another process, or the same
let now = client.sendSync("greet", ["name": "Ada"], bytes: Bytes(utf8: "a note"))
print(now.data?["text"]?.string ?? "nothing", now.bytes?.count ?? 0)
let later = await client.request("greet", ["name": "Grace"], options: .deadline)
print(later.err ?? later.data!)

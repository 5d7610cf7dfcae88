import OroIPC
struct Person: Codable { var name: String }
let greet = Route<Person, String>("greet")

let host = try Host(name: "readme")  // one process
host.router.map(greet) { person in "Hello, \(person.name)" }
try host.start()

let client = try await Client.connect("readme")  // another process, or the same
print(try await client.call(greet, Person(name: "Ada")))

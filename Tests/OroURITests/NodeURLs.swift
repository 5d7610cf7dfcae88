import Foundation

/// Node's `URL` and `URLSearchParams`: another implementation of the same rules.
///
/// A process is fed a batch of texts, as JSON, and answers one line of JSON for each.
enum NodeURLs {
    static let program = """
        const lines = require('fs').readFileSync(0, 'utf8').split('\\n')
        lines.pop()
        const output = []
        for (const line of lines) {
          const text = JSON.parse(line)
          if (process.argv[1] === 'forms') {
            const params = new URLSearchParams(text)
            output.push(JSON.stringify([...params].flat().concat(params.toString())))
            continue
          }
          try {
            const url = new URL(text)
            const params = url.searchParams
            const parts = [url.href, url.protocol, url.username, url.password, url.host, url.hostname, url.port, url.pathname,
              url.search, url.hash, params.toString()]
            output.push(JSON.stringify(parts.concat([...params].flat())))
          } catch (error) {
            if (error.code !== 'ERR_INVALID_URL') throw error
            output.push('null')
          }
        }
        process.stdout.write(output.map((line) => line + '\\n').join(''))
        """

    /// What node says to `lines` as `what`, `urls` or `forms`.
    static func answers(_ what: String, _ lines: [String]) throws -> [String] {
        let node = Process()
        node.executableURL = URL(filePath: "/usr/bin/env")
        node.arguments = ["node", "-e", program, what]
        let input = Pipe()
        let output = Pipe()
        node.standardInput = input
        node.standardOutput = output
        try node.run()
        // Node writes nothing before it has read everything, so neither waits for the other.
        input.fileHandleForWriting.write(Data(lines.map { $0 + "\n" }.joined().utf8))
        try input.fileHandleForWriting.close()
        let answer = output.fileHandleForReading.readDataToEndOfFile()
        node.waitUntilExit()
        guard node.terminationStatus == 0 else { throw NodeFailure(status: node.terminationStatus) }
        return String(decoding: answer, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// The version, such as `v20.20.2`.
    static func version() throws -> String {
        let node = Process()
        node.executableURL = URL(filePath: "/usr/bin/env")
        node.arguments = ["node", "--version"]
        let output = Pipe()
        node.standardOutput = output
        try node.run()
        let answer = output.fileHandleForReading.readDataToEndOfFile()
        node.waitUntilExit()
        return String(decoding: answer, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

struct NodeFailure: Error {
    let status: Int32
}

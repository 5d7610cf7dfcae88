// SPDX-License-Identifier: Apache-2.0

import TestProcesses

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
        // Node writes nothing before it has read everything.
        let node = try FinishedProcess(
            ["node", "-e", program, what], input: Array(lines.map { $0 + "\n" }.joined().utf8))
        guard node.status == 0 else { throw NodeFailure(status: node.status) }
        return node.text.split(separator: "\n").map(String.init)
    }

    /// The version, such as `v20.20.2`.
    static func version() throws -> String {
        String(try FinishedProcess(["node", "--version"]).text.split(separator: "\n").first ?? "")
    }
}

struct NodeFailure: Error {
    let status: Int32
}

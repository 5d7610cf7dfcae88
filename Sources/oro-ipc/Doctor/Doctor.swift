// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import OroIPC
import OroTool

/// `oro-ipc doctor`: what works on this machine.
struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what works on this machine, what does not, and what to do about it.",
        discussion: """
            Everything is found by trying it. Exit code 0: links can be made; 1: they cannot.

              oro-ipc doctor
              oro-ipc doctor --json
            """)

    @Option(help: ArgumentHelp("The folder of the sockets.", valueName: "dir"))
    var folder: String?

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let links = [Probes.link(.ioUring), Probes.link(.epoll)]
        let findings =
            [Probes.kernel(), Probes.processors(), Probes.seals(), Probes.noExec()] + links
            + [
                Probes.peerPidfd(), Probes.pidfdOpen(), Probes.membarrier(), Probes.openat2(), Probes.descriptors(),
                Probes.mappings(), SocketFolderProbe.finding(folder),
            ]
        let works =
            links.contains { $0.state == .works }
            && !findings.contains { $0.isNeeded && $0.state == .missing }
        if json {
            let value: Value = ["links": .bool(works), "findings": .array(findings.map(\.value))]
            StandardStream.output.line(value.json())
        } else {
            for finding in findings { StandardStream.output.line(finding.text) }
            StandardStream.output.line("")
            StandardStream.output.line(
                works ? "Links can be made on this machine." : "Links cannot be made on this machine: see above.")
        }
        if !works { throw ToolError(.failed) }
    }
}

/// What was found out about one thing.
struct Finding {
    enum State: String {
        /// It does what it must.
        case works
        /// It does not, and something is lost by that; `advice` says what, and what to do.
        case missing
        /// Nothing to judge.
        case fact
    }

    var name: String
    var state: State
    /// What was seen.
    var detail: String
    /// What it means and what to do.
    var advice: String?
    /// True when no link can be made without it.
    var isNeeded = false

    /// For people: one line, and the advice below it.
    var text: String {
        let mark =
            switch state {
            case .works: "  ok "
            case .missing: isNeeded ? "FAIL " : "  no "
            case .fact: "   - "
            }
        let title = name + String(repeating: " ", count: max(1, 22 - name.count))
        let line = "\(mark) \(title)\(detail)"
        return advice.map { "\(line)\n        -> \($0)" } ?? line
    }

    var value: Value {
        var object: Value = ["name": .string(name), "state": .string(state.rawValue), "detail": .string(detail)]
        if let advice { object.set("advice", .string(advice)) }
        if isNeeded { object.set("needed", true) }
        return object
    }
}

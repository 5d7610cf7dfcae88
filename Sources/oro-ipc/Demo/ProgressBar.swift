// SPDX-License-Identifier: Apache-2.0

import OroTool
import Synchronization

/// How far a walk has come, on standard error: a bar on a terminal, else a line every few seconds.
final class ProgressBar: Sendable {
    private struct State {
        var found = 0
        var done = 0
        var bytes: UInt64 = 0
        var requests = 0
        var isListing = true
        var isShown = false
        var lastLine: UInt64
    }

    private let state: Mutex<State>
    private let isQuiet: Bool
    private let isTerminal = StandardStream.error.isTerminal
    private let start = monotonicNanoseconds()
    private static let betweenLines: UInt64 = 5_000_000_000

    init(isQuiet: Bool) {
        self.isQuiet = isQuiet
        state = Mutex(State(lastLine: monotonicNanoseconds()))
    }

    /// So many more things are to be looked at.
    func found(_ count: Int) { state.withLock { $0.found += count } }

    /// So many have been.
    func done(_ count: Int, bytes: UInt64, requests: Int, isListing: Bool) {
        state.withLock {
            $0.done += count
            $0.bytes += bytes
            $0.requests += requests
            $0.isListing = isListing
        }
    }

    /// Shows where it is, when it is time.
    func show() {
        if isQuiet { return }
        let now = monotonicNanoseconds()
        let text = state.withLock { state -> String? in
            if isTerminal {
                state.isShown = true
                return "\r" + bar(state, now) + "\u{1B}[K"
            }
            guard now - state.lastLine >= ProgressBar.betweenLines else { return nil }
            state.lastLine = now
            return numbers(state, now) + "\n"
        }
        if let text { StandardStream.error.write(text) }
    }

    /// Takes the bar away.
    func clear() {
        let isShown = state.withLock { $0.isShown }
        if isShown { StandardStream.error.write("\r\u{1B}[K") }
    }

    private func numbers(_ state: State, _ now: UInt64) -> String {
        let seconds = max(1e-3, Double(now - start) / 1e9)
        let rate = Units.count(Int(Double(state.requests) / seconds))
        let what = state.isListing ? ", still listing" : ""
        return
            "\(Units.count(state.done)) of \(Units.count(state.found))\(what)  \(Units.bytes(state.bytes))  \(rate) requests/s"
    }

    private func bar(_ state: State, _ now: UInt64) -> String {
        let text = numbers(state, now)
        let columns = StandardStream.error.columns
        let room = min(40, columns - text.count - 10)
        guard room >= 10 else { return String(text.prefix(max(0, columns - 1))) }
        let share = state.found == 0 ? 0 : Double(state.done) / Double(state.found)
        let full = Int(share * Double(room))
        let percent = String(Int(share * 100))
        let bar = String(repeating: "#", count: full) + String(repeating: ".", count: room - full)
        return "[\(bar)] \(String(repeating: " ", count: 3 - percent.count))\(percent) %  \(text)"
    }
}

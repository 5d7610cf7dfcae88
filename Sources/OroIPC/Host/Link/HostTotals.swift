// SPDX-License-Identifier: Apache-2.0

import OroLink

// What a host has done for its clients, summed up when somebody asks.
extension LinkFigures {
    /// Adds them, and what the client has on loan.
    func add(to statistics: inout HostStatistics, _ arena: Arena) {
        addTotals(to: &statistics, arena)
        let blocks = arena.figures
        statistics.bytesOnLoan += blocks.bytesOut
        statistics.loans += blocks.loansOut
        statistics.blockMemory += blocks.memoryBytes
    }

    /// Adds what stays counted when the client is gone.
    func addTotals(to statistics: inout HostStatistics, _ arena: Arena) {
        statistics.requests += requests.bytes
        statistics.copiedBytes += copied.bytes + arena.copied.load(ordering: .relaxed)
    }
}

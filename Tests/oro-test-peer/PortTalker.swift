// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroConformance
import OroIPC

/// One of two clients, in processes of their own, that talk over a link of theirs, and do then what the test says: for
/// what a test does to processes, which it cannot do to itself. The link is descriptor 10.
///
/// `first` talks until both do so directly, and then says five numbers. `second` answers, and takes none of the
/// numbers; told `hand on` it gives its port to whoever it meets under the name "next"; told anything else it asks the
/// host for a `ping`.
func portTalker(_ arguments: Arguments) throws {
    let client = try Client(descriptor: 10, options: arguments.clientOptions)
    let road = try client.meet("road")
    if arguments.text("role") == "first" {
        repeat {
            try road.postMessage("talk")
            guard road.receive(waitingAtMost: .seconds(30)) != nil else { throw Unexpected("no answer") }
        } while client.statistics.directMessages < 5
        try road.postMessage("that was all")
        for number in 0..<5 { try road.postMessage(.int(Int64(number))) }
    } else {
        while let event = road.receive(waitingAtMost: .seconds(30)), event.data.string == "talk" {
            try road.postMessage("talk")
        }
    }
    print("talked")
    while let order = readLine() {
        if order == "hand on" {
            let next = try client.meet("next")
            try next.postMessage(.port(road), transfer: [road])
            // It is gone from here when the host has answered.
            _ = client.sendSync("ping")
        }
        print(client.sendSync("ping").isOK ? "done" : "no host")
    }
}

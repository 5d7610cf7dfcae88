// SPDX-License-Identifier: Apache-2.0

import Foundation
import OroIPC
import Testing

@Suite("The protocol as it is written down")
struct WireClientTests {
    /// Whatever `docs/protocol.md` leaves out, or says wrongly, this client does not know.
    @Test(
        "a client that was written from the documents alone speaks to a host", .timeLimit(.minutes(2)),
        arguments: WakeBackend.allCases)
    func strangersClient(_ backend: WakeBackend) throws {
        let root = try TemporaryFolder()
        let host = try ServeProcess(root, ["--backend", backend.rawValue])
        let client = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../wire-client/client.py").path
        let outcome = try ToolProcess.run(
            ["timeout", "90", "python3", "-B", client, host.socketPath, root.path], program: "/usr/bin/env")
        #expect(outcome.code == 0, "\(outcome.output) \(outcome.errors)")
        #expect(outcome.output.contains("ok the host goes on"))
    }
}

// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame

/// A port of one link that is sent over another: this process stays between the two, and passes on what comes.
enum PortBridge {
    /// The port that is sent in place of `port`, which does nothing any more. Throws when that was closed or given
    /// away.
    static func cross(_ port: IPCMessagePort) throws(IPCError) -> IPCMessagePort {
        let inner = IPCMessagePort.transfer(port)
        guard inner !== port else { throw .dataClone("port \(port.id) is closed or given away") }
        let channel = IPCMessageChannel()
        pass(from: inner, to: channel.port1)
        pass(from: channel.port1, to: inner)
        return channel.port2
    }

    /// Everything, in order, as fast as it is taken; and then the end.
    private static func pass(from: IPCMessagePort, to: IPCMessagePort) {
        Task.detached(executorPreference: HandlerPool.current) {
            for await event in from.messages where event.error == nil {
                // What cannot be posted on that side is lost, as what cannot be read is.
                try? await to.post(event.data, transfer: event.ports)
            }
            to.close()
        }
    }
}

// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroPorts

extension IPCBroadcastChannel {
    /// Subscribes to `name` for a host's own part in a conversation of its clients.
    public convenience init(
        _ name: String, origin: String = usualOrigin, in host: Host, keeping: BroadcastKeeping = .all
    ) throws(IPCError) {
        self.init(name, origin, try host.core.ports.openPort(name, .broadcast(origin: origin, keeping)))
    }
}

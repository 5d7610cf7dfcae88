// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroPorts

extension IPCBroadcastChannel {
    /// Subscribes to `name` in the host of `client`. Throws when the link is over, or the name is not 1 to 255 bytes
    /// long. What is posted after this returns is heard; a host that allows no broadcasts answers with a `close` event.
    public convenience init(
        _ name: String, origin: String = usualOrigin, over client: Client, keeping: BroadcastKeeping = .all
    ) throws(IPCError) {
        self.init(name, origin, try client.core.openPort(name, .broadcast(origin: origin, keeping)))
    }
}

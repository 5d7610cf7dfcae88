// SPDX-License-Identifier: Apache-2.0

import OroIPC

extension Value {
    /// Gives an object a member; nothing happens to other values.
    package mutating func set(_ key: String, _ value: Value) {
        guard case .object(var members) = self else { return }
        members[key] = value
        self = .object(members)
    }
}

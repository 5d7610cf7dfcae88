// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroLink

extension ClientCore {
    /// See ``Client/primordials``.
    func hostPrimordials() -> Value {
        if link.isForeign { return .object([:]) }
        if let known = primordials.withLock({ $0 }) { return known }
        let data = callSync("platform.primordials", nil, nil, nil).data
        var members = data?.object ?? [:]
        // A folder is a folder without that, too.
        if case .string(let folder) = members["cwd"], folder.utf8.last == UInt8(ascii: "\\") {
            members["cwd"] = .string(String(folder.dropLast()))
        }
        for (name, value) in options.primordials.sorted(by: { $0.key < $1.key }) { members[name] = value }
        let made = Value.object(members)
        if data?.object != nil { primordials.withLock { $0 = made } }
        return made
    }
}

// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroPorts

/// What is said at a subscription: `[origin, data]`, or `[null, count]` for messages that were missed.
enum BroadcastForm {
    /// For whom it is, `*` for all, and what it says.
    case message(origin: String, data: StructuredValue)
    case missed(Int64)

    /// UNTRUSTED: `nil`: it is no broadcast.
    init?(_ value: StructuredValue) {
        guard let origin = value[0], let data = value[1] else { return nil }
        if origin.isNull {
            self = .missed(data.int ?? 0)
        } else if let origin = origin.string {
            self = .message(origin: origin, data: data)
        } else {
            return nil
        }
    }

    var value: StructuredValue {
        switch self {
        case .message(let origin, let data): .array([.string(origin), data])
        case .missed(let count): .array([nil, .int(count)])
        }
    }
}

extension PortContent {
    /// UNTRUSTED: for whom a broadcast is, with as little decoded as possible. `nil`: it is none.
    var broadcastOrigin: String? {
        switch form {
        case .value(let value): return value[1]?.string
        case .encoded(let encoded): return (try? encoded.decode())?[1]?.string
        // One small thing is no list with a text in it.
        case .short: return nil
        case .frame(let storage):
            // The number of the form comes first.
            guard let value = try? storage.view.value(), let origin = try? value.element(1) else { return nil }
            return origin.string
        }
    }

    /// The same broadcast for another origin; nothing else of it is looked at. `nil`: it is none. O(n) of its value;
    /// its buffers stay where they are.
    func saying(origin: String) -> PortContent? {
        let encoded: EncodedValue
        switch form {
        case .frame(let storage): encoded = storage.encodedValue
        case .encoded(let value): encoded = value
        case .value(let value):
            guard let value = try? EncodedValue(value) else { return nil }
            encoded = value
        case .short: return nil
        }
        let buffers = allBuffers
        var content = self
        guard let changed = encoded.replacingElement(1, with: .string(origin)) else { return nil }
        content.form = .encoded(changed)
        content.buffers = buffers
        return content
    }
}

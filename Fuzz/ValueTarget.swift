// SPDX-License-Identifier: Apache-2.0

import OroFrame

/// A value that decodes encodes to the bytes it came from, is within the limits, and is what its view shows.
enum ValueTarget {
    static func check(_ input: [UInt8]) {
        guard let view = try? ValueView(input.span.bytes) else {
            require((try? Value(encoded: input)) == nil, "a value without a view")
            return
        }
        // Whatever the bytes are, looking is safe, and what is looked at alone agrees with the whole.
        let seen = try? Value(looking: view)
        guard let value = try? Value(encoded: input) else { return }
        require(seen == value, "the view shows another value: \(String(describing: seen)), not \(value)")
        require((try? value.encoded()) == input, "a value encodes to other bytes")
        require(value.depth <= FrameLimits.default.maxDepth, "too deep")
        var small = FrameLimits.default
        (small.maxDepth, small.maxItems, small.maxBigIntBytes) = (3, 20, 4)
        let limited = try? Value(encoded: input, limits: small)
        require(limited == nil || limited == value, "limits change a value")
        require((limited != nil) == ((try? value.encoded(limits: small)) != nil), "both sides refuse the same")
    }
}

extension Value {
    /// The same as decoding the whole, by looking at each element and member on its own.
    init(looking view: ValueView) throws(FrameError) {
        switch view.kind {
        case .array:
            var elements: [Value] = []
            for index in 0..<view.count {
                guard let element = try view.element(index) else { fatalError("fuzz: no element \(index)") }
                elements.append(try Value(looking: element))
            }
            self = .array(elements)
        case .object:
            var members = Value.object([:])
            try view.forEachMember { (name, value) throws(FrameError) in
                guard let name = name.string, case .object(var all) = members else { throw .keyNotString(offset: 0) }
                all[name] = try Value(looking: value)
                require(try view.member(name) != nil, "a member that cannot be found")
                members = .object(all)
            }
            self = members
        default: self = try view.decode()
        }
    }

    var depth: Int {
        switch self {
        case .array(let elements): 1 + (elements.map(\.depth).max() ?? 0)
        case .object(let members): 1 + (members.values.map(\.depth).max() ?? 0)
        default: 0
        }
    }
}

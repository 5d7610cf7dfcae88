// SPDX-License-Identifier: Apache-2.0

/// The place of an element in an array.
struct IndexKey: CodingKey {
    let index: Int

    init(_ index: Int) { self.index = index }

    init?(intValue: Int) { self.init(intValue) }

    init?(stringValue: String) { return nil }

    var intValue: Int? { index }

    var stringValue: String { "\(index)" }
}

/// The member that a class keeps its superclass in.
struct SuperKey: CodingKey {
    init() {}

    init?(intValue: Int) { return nil }

    init?(stringValue: String) { return nil }

    var intValue: Int? { nil }

    var stringValue: String { "super" }
}

// SPDX-License-Identifier: Apache-2.0

/// The names an object has so far, so that none comes twice. Names are equal when their bytes are.
///
/// Most names are told apart by a few bits. Where those agree, the encoded members themselves are compared, and once
/// there are many, a set of names does it.
struct MemberNames {
    /// One bit for each name's hash.
    private var filter: UInt64 = 0
    private var many: Set<TextKey>?

    private static let few = 24

    /// Notes `name`, in valid UTF-8; answers whether one of the `count` members that `members` consists of has it.
    mutating func note(_ name: RawSpan, members: RawSpan, count: Int) -> Bool {
        let bit = MemberNames.bit(name)
        let mayRepeat = filter & bit != 0
        filter |= bit
        if mayRepeat && many == nil {
            if count <= MemberNames.few { return MemberNames.find(name, in: members, count: count) != nil }
            many = MemberNames.names(members, count)
        }
        guard many != nil, let text = UTF8Text.string(name) else { return false }
        return many?.insert(TextKey(text)).inserted == false
    }

    /// A member that was noted does not come after all.
    mutating func forget(_ name: String) { many?.remove(TextKey(name)) }

    /// Where the member of this name lies among `count` members.
    static func find(_ name: RawSpan, in members: RawSpan, count: Int) -> Range<Int>? {
        var next = 0
        for _ in 0..<count {
            guard let member = member(members, at: next) else { return nil }
            if TextKey.areSame(members.extracting(member.name), name) { return next..<member.end }
            next = member.end
        }
        return nil
    }

    private static func names(_ members: RawSpan, _ count: Int) -> Set<TextKey> {
        var names: Set<TextKey> = []
        var next = 0
        for _ in 0..<count {
            guard let member = member(members, at: next) else { break }
            if let text = UTF8Text.string(members.extracting(member.name)) { names.insert(TextKey(text)) }
            next = member.end
        }
        return names
    }

    /// The bytes of the name, and the end, of the member at `start`; `nil` when there is none.
    private static func member(_ members: RawSpan, at start: Int) -> (name: Range<Int>, end: Int)? {
        do throws(FrameError) {
            let name = try ValueToken.read(members, at: start, origin: 0)
            let first = start + name.headerBytes
            let value = try ValueToken.read(members, at: start + name.totalBytes, origin: 0)
            return (first..<first + name.contentBytes, start + name.totalBytes + value.totalBytes)
        } catch {
            return nil
        }
    }

    /// One bit of 64, by which a name is told from most others.
    private static func bit(_ name: RawSpan) -> UInt64 {
        var hash = UInt64(truncatingIfNeeded: name.byteCount)
        for offset in name.byteOffsets {
            // Inside, as the offsets are the span's own.
            let byte = unsafe name.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
            hash = (hash ^ UInt64(byte)) &* 0x9E37_79B9_7F4A_7C15
        }
        return 1 << (hash >> 58)
    }
}

/// The names an object has so far, so that none comes twice. Names are equal as Swift compares strings, by canonical
/// equivalence.
///
/// Most names are told apart by a few bits. Where those agree, the encoded members themselves are compared, and once there
/// are many, a set of names does it.
struct MemberNames {
    /// One bit for each name's hash; all of them once a name is not ASCII: its bytes alone do not tell it from others.
    private var filter: UInt64 = 0
    private var many: Set<String>?

    private static let few = 24

    /// Notes `name`, in valid UTF-8; answers whether one of the `count` members that `members` consists of has it.
    mutating func note(_ name: RawSpan, members: RawSpan, count: Int) -> Bool {
        let bit = MemberNames.bit(name)
        let mayRepeat = bit == 0 || filter & bit != 0
        filter |= bit == 0 ? .max : bit
        if mayRepeat && many == nil {
            if count <= MemberNames.few { return MemberNames.find(name, in: members, count: count) != nil }
            many = MemberNames.names(members, count)
        }
        guard many != nil, let text = UTF8Text.string(name) else { return false }
        return many?.insert(text).inserted == false
    }

    /// A member that was noted does not come after all.
    mutating func forget(_ name: String) { many?.remove(name) }

    /// Where the member of this name lies among `count` members.
    static func find(_ name: RawSpan, in members: RawSpan, count: Int) -> Range<Int>? {
        var next = 0
        for _ in 0..<count {
            guard let member = member(members, at: next) else { return nil }
            if areEqual(members.extracting(member.name), name) { return next..<member.end }
            next = member.end
        }
        return nil
    }

    private static func names(_ members: RawSpan, _ count: Int) -> Set<String> {
        var names: Set<String> = []
        var next = 0
        for _ in 0..<count {
            guard let member = member(members, at: next) else { break }
            if let text = UTF8Text.string(members.extracting(member.name)) { names.insert(text) }
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

    /// Whether two texts in UTF-8 are one name.
    static func areEqual(_ left: RawSpan, _ right: RawSpan) -> Bool {
        if areSame(left, right) { return true }
        // Two ASCII texts of different bytes are two texts. Others may be one text in two forms.
        if isASCII(left) && isASCII(right) { return false }
        guard let left = UTF8Text.string(left) else { return false }
        return left == UTF8Text.string(right)
    }

    private static func areSame(_ left: RawSpan, _ right: RawSpan) -> Bool {
        guard left.byteCount == right.byteCount else { return false }
        for offset in left.byteOffsets
        // Inside both: they are equally long.
        where unsafe left.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
            != right.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
        { return false }
        return true
    }

    /// Whether a name's bytes tell it from all names but itself.
    static func isASCII(_ name: RawSpan) -> Bool { bit(name) != 0 }

    /// One bit of 64, by which a name is told from most others; none when it is not ASCII.
    private static func bit(_ name: RawSpan) -> UInt64 {
        var hash = UInt64(truncatingIfNeeded: name.byteCount)
        var all: UInt8 = 0
        for offset in name.byteOffsets {
            // Inside, as the offsets are the span's own.
            let byte = unsafe name.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
            all |= byte
            hash = (hash ^ UInt64(byte)) &* 0x9E37_79B9_7F4A_7C15
        }
        return all < 0x80 ? 1 << (hash >> 58) : 0
    }
}

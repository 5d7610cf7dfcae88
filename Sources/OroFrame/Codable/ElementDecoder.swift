// SPDX-License-Identifier: Apache-2.0

/// What all decoders of one value share: the encoded bytes, while they are lent.
@safe final class Decoding {
    let limits: FrameLimits
    let userInfo: [CodingUserInfoKey: any Sendable]
    /// Elements and members of the containers that were opened.
    var items = 0
    /// The outermost value's content, which the caller of ``ValueDecoder`` lends while it decodes; none afterwards.
    private var content: UnsafeRawBufferPointer
    /// Where the content stands in the outermost value, for errors.
    let origin: Int

    init(
        _ content: UnsafeRawBufferPointer, origin: Int, limits: FrameLimits, userInfo: [CodingUserInfoKey: any Sendable]
    ) {
        unsafe self.content = content
        self.origin = origin
        self.limits = limits
        self.userInfo = userInfo
    }

    /// The bytes are lent no longer: whoever kept a decoder finds none.
    func end() { unsafe content = UnsafeRawBufferPointer(start: nil, count: 0) }

    /// All the bytes.
    var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            // They are lent until `end`, and whoever decodes has no span of them across it.
            unsafe _overrideLifetime(content.bytes, borrowing: self)
        }
    }
}

/// Decodes one encoded value, in place: the `Decoder` that a type's `init(from:)` gets.
package final class ElementDecoder {
    let decoding: Decoding
    /// Of one that was given away, which keeps it.
    private var parent: ElementDecoder?
    /// Of one that is the parent's own, `spare`.
    private weak var owner: ElementDecoder?
    private var key: (any CodingKey)?
    /// How many containers are around this element.
    private let depth: Int
    private(set) var place: Place
    private var isOpen = false
    /// The member that was looked up last: the next is mostly the one behind it.
    private var lastFound = 0
    /// Where members start, by name, once there are many.
    private var index: [TextKey: Int]?
    /// The last element's, used again for the next while nobody else has it.
    private var spare: ElementDecoder?

    /// An encoded value: its token, and where its content starts in the bytes.
    struct Place: Sendable {
        var token: ValueToken
        var start: Int

        var end: Int { start + token.contentBytes }

        static let null = Place(token: ValueToken(.null, headerBytes: 1), start: 0)
    }

    /// Objects with more members are looked up by an index.
    private static let few = 24

    init(_ decoding: Decoding, _ place: Place) {
        self.decoding = decoding
        self.place = place
        depth = 0
    }

    private init(in parent: ElementDecoder, _ place: Place, _ key: any CodingKey) {
        decoding = parent.decoding
        self.place = place
        self.key = key
        depth = parent.depth + 1
    }

    package var codingPath: [any CodingKey] {
        var path: [any CodingKey] = []
        var element: ElementDecoder? = self
        while let current = element {
            if let key = current.key { path.append(key) }
            element = current.parent ?? current.owner
        }
        return path.reversed()
    }

    // MARK: Errors

    private func context(_ key: (any CodingKey)?, _ text: String, _ underlying: FrameError? = nil)
        -> DecodingError.Context
    {
        .init(codingPath: codingPath + (key.map { [$0] } ?? []), debugDescription: text, underlyingError: underlying)
    }

    func mismatch(_ type: Any.Type, _ kind: ValueKind, _ key: (any CodingKey)?) -> DecodingError {
        let text = "expected \(type), found \(kind)"
        return kind == .null ? .valueNotFound(type, context(key, text)) : .typeMismatch(type, context(key, text))
    }

    func corrupted(_ error: FrameError, _ key: (any CodingKey)?) -> DecodingError {
        .dataCorrupted(context(key, error.description, error))
    }

    func missing(_ key: any CodingKey) -> DecodingError {
        .keyNotFound(key, context(key, "it is missing"))
    }

    func pastEnd(_ type: Any.Type, _ index: Int) -> DecodingError {
        .valueNotFound(type, context(IndexKey(index), "the array ends before"))
    }

    // MARK: Elements

    /// The decoder of one of this one's elements, to be given away.
    func element(_ place: Place, _ key: any CodingKey) -> ElementDecoder {
        let element = ElementDecoder(in: self, place, key)
        element.parent = self
        return element
    }

    /// Decodes what stands at `place`, an element of this one.
    func decode<T: Decodable>(
        _ type: T.Type, at place: Place, _ key: @autoclosure () -> any CodingKey
    ) throws -> T {
        if let known = try decode(known: type, at: place, depth: depth + 1, key()) { return known }
        let element: ElementDecoder
        if isKnownUniquelyReferenced(&spare), let spare {
            spare.begin(place, key())
            element = spare
        } else {
            // Whoever kept the last one has it for good.
            spare?.parent = self
            element = ElementDecoder(in: self, place, key())
            element.owner = self
            spare = element
        }
        return try T(from: element)
    }

    /// As if it were new.
    private func begin(_ place: Place, _ key: any CodingKey) {
        self.place = place
        self.key = key
        isOpen = false
        lastFound = 0
        index = nil
    }

    /// Decodes this element as a whole.
    func decodeWhole<T: Decodable>(_ type: T.Type) throws -> T {
        try decode(known: type, at: place, depth: depth, nil) ?? T(from: self)
    }

    // MARK: Containers

    /// One level down, to so many elements.
    private func enter(_ count: Int) throws(FrameError) {
        let limits = decoding.limits
        guard depth < limits.maxDepth else { throw .overLimit(.depth, value: depth + 1, limit: limits.maxDepth) }
        decoding.items += count
        guard decoding.items <= limits.maxItems else {
            throw .overLimit(.items, value: decoding.items, limit: limits.maxItems)
        }
    }

    /// Checks that this is an object whose members add up, with names that are texts, none of them twice. What the
    /// members are is not looked at.
    func openObject() throws {
        guard place.token.kind == .object else { throw mismatch([String: Any].self, place.token.kind, nil) }
        if isOpen { return }
        do throws(FrameError) {
            let count = Int(place.token.bits)
            try enter(count)
            var names = MemberNames()
            var index: [TextKey: Int] = [:]
            let isLarge = count > ElementDecoder.few
            if isLarge { index.reserveCapacity(count) }
            let decoding = decoding
            let bytes = try decoding.bytes.through(place.end, decoding.origin)
            var next = place.start
            for position in 0..<count {
                let name = try ValueToken.read(bytes, at: next, origin: decoding.origin)
                guard name.kind == .string else { throw .keyNotString(offset: decoding.origin + next) }
                let text = bytes.extracting(next + name.headerBytes..<next + name.totalBytes)
                let isRepeated: Bool
                if isLarge || !UTF8Text.isASCII(text) {
                    guard let key = UTF8Text.string(text) else {
                        throw .invalidUTF8(.value, offset: decoding.origin + next + name.headerBytes)
                    }
                    try UTF8Text.checkMarks(key, limits: decoding.limits)
                    isRepeated =
                        isLarge
                        ? index.updateValue(next, forKey: TextKey(key)) != nil
                        : names.note(text, members: bytes.extracting(place.start..<next), count: position)
                } else {
                    isRepeated = names.note(text, members: bytes.extracting(place.start..<next), count: position)
                }
                if isRepeated { throw .duplicateKey(offset: decoding.origin + next) }
                next += name.totalBytes
                next += try ValueToken.read(bytes, at: next, origin: decoding.origin).totalBytes
            }
            guard next == place.end else {
                throw .trailingBytes(.value, offset: decoding.origin + next, count: place.end - next)
            }
            self.index = isLarge ? index : nil
            lastFound = place.start
            isOpen = true
        } catch {
            throw corrupted(error, nil)
        }
    }

    /// Checks that this is an array, or bytes, within the limits.
    func openArray() throws {
        switch place.token.kind {
        case .bytes: return
        case .array:
            if isOpen { return }
            do throws(FrameError) { try enter(Int(place.token.bits)) } catch { throw corrupted(error, nil) }
            isOpen = true
        default: throw mismatch([Any].self, place.token.kind, nil)
        }
    }

    /// The member of this name; `nil` when there is none.
    func find(_ key: some CodingKey) throws -> Place? {
        do throws(FrameError) { return try find(key.stringValue) } catch { throw corrupted(error, key) }
    }

    private func find(_ name: String) throws(FrameError) -> Place? {
        if let index {
            guard let start = index[TextKey(name)] else { return nil }
            return try member(at: start)
        }
        let decoding = decoding
        let bytes = try decoding.bytes.through(place.end, decoding.origin)
        var next = lastFound
        for _ in 0..<Int(place.token.bits) {
            if next == place.end { next = place.start }
            let token = try ValueToken.read(bytes, at: next, origin: decoding.origin)
            let text = bytes.extracting(next + token.headerBytes..<next + token.totalBytes)
            if ValueView.equal(text, name) {
                lastFound = next
                return try member(at: next)
            }
            next += token.totalBytes
            next += try ValueToken.read(bytes, at: next, origin: decoding.origin).totalBytes
        }
        return nil
    }

    /// The value of the member that starts at `start`.
    private func member(at start: Int) throws(FrameError) -> Place {
        let decoding = decoding
        let bytes = try decoding.bytes.through(place.end, decoding.origin)
        let name = try ValueToken.read(bytes, at: start, origin: decoding.origin)
        return try element(at: start + name.totalBytes)
    }

    /// The value that starts at `start`, an element or a member's.
    func element(at start: Int) throws(FrameError) -> Place {
        let decoding = decoding
        let bytes = try decoding.bytes.through(place.end, decoding.origin)
        let token = try ValueToken.read(bytes, at: start, origin: decoding.origin)
        return Place(token: token, start: start + token.headerBytes)
    }

    /// The byte at `start`, an element of bytes that are decoded as an array.
    func byte(at start: Int) throws(FrameError) -> Place {
        let decoding = decoding
        let bytes = try decoding.bytes.through(place.end, decoding.origin)
        let byte: UInt8 = try bytes.valueField(at: start, origin: decoding.origin)
        return Place(token: ValueToken(.int, headerBytes: 1, bits: UInt64(byte)), start: start)
    }

    /// The names of all members, in order.
    var memberNames: [String] {
        var names: [String] = []
        do throws(FrameError) {
            let decoding = decoding
            let bytes = try decoding.bytes.through(place.end, decoding.origin)
            var next = place.start
            for _ in 0..<Int(place.token.bits) {
                let name = try ValueToken.read(bytes, at: next, origin: decoding.origin)
                let text = bytes.extracting(next + name.headerBytes..<next + name.totalBytes)
                if let text = UTF8Text.string(text) { names.append(text) }
                next += name.totalBytes
                next += try ValueToken.read(bytes, at: next, origin: decoding.origin).totalBytes
            }
        } catch {
            // Bytes that changed since the object was opened, or are lent no longer: those before are what there is.
            return names
        }
        return names
    }
}

extension RawSpan {
    /// The bytes up to `end`. Throws when there are fewer: they are lent no longer.
    @_lifetime(copy self)
    func through(_ end: Int, _ origin: Int) throws(FrameError) -> RawSpan {
        guard end <= byteCount else {
            throw .truncated(.value, offset: origin, needed: end, remaining: byteCount)
        }
        return extracting(0..<end)
    }
}

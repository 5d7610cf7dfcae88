// SPDX-License-Identifier: Apache-2.0

/// What all encoders of one value share.
final class Encoding {
    let limits: FrameLimits
    let userInfo: [CodingUserInfoKey: any Sendable]
    /// Elements and members so far, over all levels.
    var items = 0

    init(limits: FrameLimits, userInfo: [CodingUserInfoKey: any Sendable]) {
        self.limits = limits
        self.userInfo = userInfo
    }
}

/// Encodes one value, behind whatever its tape has already: the `Encoder` that a type's `encode(to:)` gets.
///
/// An element writes to the tape of its parent while it is encoded, and nobody else does: only one is at work at a
/// time. What may be written to at any later time (`nestedContainer`, `superEncoder`) has a tape of its own, and the
/// parent keeps a place.
package final class ElementEncoder {
    let encoding: Encoding
    let tape: ValueTape
    /// It has this one, as its own or among `nested`, for as long as it is encoded itself.
    private weak var parent: ElementEncoder?
    private var key: (any CodingKey)?
    /// How many containers are around this element.
    private let depth: Int
    private var shape = Shape.none
    /// Elements or members so far.
    private(set) var items = 0
    private var names = MemberNames()
    /// Elements with tapes of their own, and where their places are.
    private var nested: [(offset: Int, element: ElementEncoder)] = []
    private var state = State.open
    /// What went wrong where nothing could be thrown.
    private var failure: Failure?
    /// The last element's, used again for the next while nobody else has it.
    private var spare: ElementEncoder?

    /// What this element is, and where its container starts.
    private enum Shape: Equatable {
        case none
        case scalar
        case array(Int)
        case object(Int)
        /// An array of which only bytes were written so far.
        case bytes(Int)
    }

    private enum State {
        case open
        /// An element of it is being encoded.
        case busy
        case closed
    }

    /// Why something cannot be encoded.
    private enum Failure: Error {
        case limit(FrameError)
        case misuse(String)
    }

    init(_ encoding: Encoding) {
        self.encoding = encoding
        tape = ValueTape(limits: encoding.limits)
        depth = 0
    }

    private init(_ parent: ElementEncoder, _ tape: ValueTape, _ key: any CodingKey) {
        encoding = parent.encoding
        self.tape = tape
        self.parent = parent
        self.key = key
        depth = parent.depth + 1
    }

    package var codingPath: [any CodingKey] {
        var path: [any CodingKey] = []
        var element: ElementEncoder? = self
        while let current = element {
            if let key = current.key { path.append(key) }
            element = current.parent
        }
        return path.reversed()
    }

    /// What ``ValueView/decode(limits:)`` would have left at this depth.
    var budget: ValueBudget { ValueBudget(encoding.limits, depth: depth, items: encoding.items) }

    private func error(_ failure: Failure, _ value: Any, _ key: (any CodingKey)? = nil) -> EncodingError {
        let path = codingPath + (key.map { [$0] } ?? [])
        switch failure {
        case .limit(let error):
            return .invalidValue(
                value, .init(codingPath: path, debugDescription: error.description, underlyingError: error))
        case .misuse(let text):
            return .invalidValue(value, .init(codingPath: path, debugDescription: text))
        }
    }

    // MARK: Shapes

    /// This element is an object from now on; a second time changes nothing.
    func openObject() {
        if case .object = shape { return }
        open { .object($0) }
    }

    /// This element is an array from now on; a second time changes nothing.
    func openArray() {
        switch shape {
        case .array, .bytes: return
        default: open { .array($0) }
        }
    }

    private func open(_ shape: (Int) -> Shape) {
        do throws(Failure) {
            try requireUnshaped()
            let limit = encoding.limits.maxDepth
            guard depth < limit else { throw .limit(.overLimit(.depth, value: depth + 1, limit: limit)) }
            do throws(FrameError) { self.shape = shape(try tape.open()) } catch { throw .limit(error) }
        } catch {
            failure = failure ?? error
        }
    }

    private func requireOpen() throws(Failure) {
        if let failure { throw failure }
        switch state {
        case .open: return
        case .busy: throw .misuse("it is written to while one of its elements is being encoded")
        case .closed: throw .misuse("it is written to after its encoding has ended")
        }
    }

    private func requireUnshaped() throws(Failure) {
        try requireOpen()
        guard shape == .none else { throw .misuse("it is encoded a second time, or in a second shape") }
    }

    /// Everything has been written: closes containers, and puts nested ones in their places. `value` is what was
    /// encoded.
    func finish(_ value: Any) throws {
        state = .closed
        if let failure { throw error(failure, value) }
        var parts: [(offset: Int, tape: ValueTape)] = []
        for (offset, element) in nested {
            try element.finish(value)
            parts.append((offset, element.tape))
        }
        nested = []
        do throws(FrameError) {
            try tape.replacePlaceholders(parts)
            switch shape {
            // A type without properties may ask for nothing.
            case .none: try tape.close(try tape.open(), ValueTag.object, count: 0)
            case .scalar: break
            case .array(let start): try tape.close(start, ValueTag.array, count: items)
            case .object(let start): try tape.close(start, ValueTag.object, count: items)
            case .bytes(let start): try tape.close(start, ValueTag.bytes, count: nil)
            }
        } catch {
            throw self.error(.limit(error), value)
        }
    }

    /// Nothing is written any more.
    func close() { state = .closed }

    // MARK: The element as a whole

    /// Writes all that this element is.
    package func encodeScalar(
        _ value: @autoclosure () -> Any, _ write: (ElementEncoder) throws(FrameError) -> Void
    ) throws {
        do throws(Failure) {
            try requireUnshaped()
            do throws(FrameError) { try write(self) } catch { throw .limit(error) }
            shape = .scalar
        } catch {
            throw self.error(error, value())
        }
    }

    /// Encodes `value` as all that this element is.
    func encodeWhole(_ value: some Encodable) throws {
        do throws(Failure) {
            try requireUnshaped()
            do throws(FrameError) {
                if try write(known: value) {
                    shape = .scalar
                    return
                }
            } catch { throw .limit(error) }
        } catch {
            throw self.error(error, value)
        }
        let mark = tape.count
        do {
            try value.encode(to: self)
        } catch {
            // As if it had not been tried.
            tape.truncate(to: mark)
            (shape, items, names, nested, failure) = (.none, 0, MemberNames(), [], nil)
            throw error
        }
    }

    // MARK: Elements

    /// Writes a member; nothing of it stays when that fails. Of two with one name the later one counts.
    func encodeMember(
        _ key: some CodingKey, _ value: @autoclosure () -> Any, _ write: (ElementEncoder) throws -> Void
    ) throws {
        let mark = tape.count
        let itemsBefore = encoding.items
        let name = key.stringValue
        let earlier: Range<Int>?
        do throws(Failure) {
            try requireOpen()
            guard case .object(let start) = shape else { throw .misuse("it is no object") }
            try count()
            earlier = note(name, since: tape.content(of: start))
            do throws(FrameError) { try tape.append(name) } catch { throw .limit(error) }
        } catch {
            undo(mark, itemsBefore)
            throw self.error(error, value(), key)
        }
        do {
            try write(self)
        } catch {
            undo(mark, itemsBefore)
            if earlier == nil { names.forget(name) }
            throw failed(error, value(), key)
        }
        items += 1
        if let earlier { remove(earlier) }
    }

    /// Writes an element of an array; nothing of it stays when that fails.
    func encodeElement(
        _ value: @autoclosure () -> Any, _ write: (ElementEncoder) throws -> Void
    ) throws {
        let itemsBefore = encoding.items
        do throws(Failure) {
            try requireOpen()
            try requireArray()
            try count()
        } catch {
            encoding.items = itemsBefore
            throw self.error(error, value(), IndexKey(items))
        }
        let mark = tape.count
        do {
            try write(self)
        } catch {
            undo(mark, itemsBefore)
            throw failed(error, value(), IndexKey(items))
        }
        items += 1
    }

    private func failed(_ error: any Error, _ value: Any, _ key: any CodingKey) -> any Error {
        (error as? FrameError).map { self.error(.limit($0), value, key) } ?? error
    }

    private func undo(_ mark: Int, _ itemsBefore: Int) {
        tape.truncate(to: mark)
        encoding.items = itemsBefore
        while let last = nested.last, last.offset >= mark { nested.removeLast() }
    }

    private func count() throws(Failure) {
        encoding.items += 1
        let limit = encoding.limits.maxItems
        guard encoding.items <= limit else { throw .limit(.overLimit(.items, value: encoding.items, limit: limit)) }
    }

    /// Notes a member's name; answers where the member that had it lies.
    private func note(_ name: String, since start: Int) -> Range<Int>? {
        let tape = tape
        let written = tape.bytes
        let members = written.extracting(start..<written.byteCount)
        // Bytes have no padding that could leak.
        let bytes = unsafe name.utf8.span.bytes
        guard names.note(bytes, members: members, count: items) else { return nil }
        return MemberNames.find(bytes, in: members, count: items).map { $0.lowerBound + start..<$0.upperBound + start }
    }

    private func remove(_ member: Range<Int>) {
        tape.remove(member)
        items -= 1
        nested.removeAll { member.contains($0.offset) }
        for index in nested.indices where nested[index].offset >= member.upperBound {
            nested[index].offset -= member.count
        }
    }

    /// Writes `value`, an element of this one.
    func write<T: Encodable>(_ value: T, _ key: @autoclosure () -> any CodingKey) throws {
        if try write(known: value) { return }
        let element: ElementEncoder
        if isKnownUniquelyReferenced(&spare), let spare {
            spare.begin(key())
            element = spare
        } else {
            element = ElementEncoder(self, tape, key())
            spare = element
        }
        state = .busy
        defer {
            state = .open
            element.state = .closed
        }
        try value.encode(to: element)
        try element.finish(value)
    }

    /// As if it were new.
    private func begin(_ key: any CodingKey) {
        self.key = key
        (shape, items, state, failure) = (.none, 0, .open, nil)
        names = MemberNames()
        nested.removeAll()
    }

    /// An element that is written to until this one is complete.
    func nest(_ key: any CodingKey) throws(FrameError) -> ElementEncoder {
        let element = ElementEncoder(self, ValueTape(limits: encoding.limits, room: 64), key)
        nested.append((tape.count, element))
        try tape.appendNull()
        return element
    }

    /// An element that nobody will see, as `failure` is what comes of this one.
    func refuse(_ key: any CodingKey, _ error: any Error) -> ElementEncoder {
        failure = failure ?? .misuse("a nested container could not be made: \(error)")
        let element = ElementEncoder(self, ValueTape(limits: encoding.limits, room: 64), key)
        element.failure = failure
        return element
    }

    // MARK: Arrays of bytes

    /// How many elements the array has.
    var elementCount: Int {
        if case .bytes(let start) = shape { tape.count - tape.content(of: start) } else { items }
    }

    /// Adds bytes to an array. One that has nothing else is encoded as bytes.
    func encodeBytes(_ bytes: UnsafeRawBufferPointer) throws {
        if case .array(let start) = shape, items == 0, failure == nil, state == .open { shape = .bytes(start) }
        guard case .bytes = shape, failure == nil, state == .open else {
            for index in bytes.indices {
                // The index is one of the buffer's own.
                let byte = unsafe bytes[index]
                try encodeElement(byte) { (element) throws(FrameError) in try element.tape.append(Int64(byte)) }
            }
            return
        }
        // The caller's buffer is copied.
        do throws(FrameError) { unsafe try tape.append(raw: bytes) } catch {
            throw self.error(.limit(error), bytes.count)
        }
    }

    /// What is written to now is an array, though it may have been one of bytes.
    private func requireArray() throws(Failure) {
        switch shape {
        case .array: return
        case .bytes(let start):
            let first = tape.content(of: start)
            let bytes = [UInt8](tape.copy()[first...])
            tape.truncate(to: first)
            shape = .array(start)
            for byte in bytes {
                try count()
                do throws(FrameError) { try tape.append(Int64(byte)) } catch { throw .limit(error) }
                items += 1
            }
        default: throw .misuse("it is no array")
        }
    }
}

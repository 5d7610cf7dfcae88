// SPDX-License-Identifier: Apache-2.0

import BigInt

/// A type made of bytes, which a decoder makes of a value's bytes without going through them one by one.
package protocol DecodableFromBytes: Decodable {
    /// A copy of the bytes.
    init(decoding bytes: RawSpan)
}

// Values that are no containers.
extension ElementDecoder {
    /// Decodes a type that has a form of its own here; `nil` when it has none.
    @inline(__always)
    func decode<T: Decodable>(
        known type: T.Type, at place: Place, depth: Int, _ key: @autoclosure () -> (any CodingKey)?
    ) throws -> T? {
        if T.self == String.self { return try string(place, key()) as? T }
        if T.self == Int.self { return try integer(Int.self, place, depth, key()) as? T }
        if T.self == Double.self { return try double(place, key()) as? T }
        if T.self == Value.self { return try tree(place, depth, key()) as? T }
        if T.self == BigInt.self { return try bigint(BigInt.self, place, depth, key()) as? T }
        if T.self == BigUInt.self {
            let number = try bigint(BigUInt.self, place, depth, key())
            guard let magnitude = BigUInt(exactly: number) else { throw misfit(number, BigUInt.self, key()) }
            return magnitude as? T
        }
        if place.token.kind == .array, T.self == [Double].self { return doubles(place, depth) as? T }
        guard place.token.kind == .bytes else { return nil }
        if T.self == [UInt8].self { return try bytes(place, key()) as? T }
        guard let type = type as? any DecodableFromBytes.Type else { return nil }
        return try decode(fromBytes: type, place, key()) as? T
    }

    private func decode<T: DecodableFromBytes>(
        fromBytes type: T.Type, _ place: Place, _ key: (any CodingKey)?
    ) throws -> T {
        do throws(FrameError) {
            let decoding = decoding
            return T(
                decoding: try decoding.bytes.through(place.end, decoding.origin).extracting(place.start..<place.end))
        } catch {
            throw corrupted(error, key)
        }
    }

    func isNull(_ place: Place) -> Bool { place.token.kind == .null }

    func bool(_ place: Place, _ key: (any CodingKey)?) throws -> Bool {
        guard place.token.kind == .bool else { throw mismatch(Bool.self, place.token.kind, key) }
        return place.token.bits != 0
    }

    func string(_ place: Place, _ key: @autoclosure () -> (any CodingKey)?) throws -> String {
        guard place.token.kind == .string else { throw mismatch(String.self, place.token.kind, key()) }
        do throws(FrameError) {
            let decoding = decoding
            let text = try decoding.bytes.through(place.end, decoding.origin).extracting(place.start..<place.end)
            guard let copy = UTF8Text.string(text) else {
                throw .invalidUTF8(.value, offset: decoding.origin + place.start)
            }
            try UTF8Text.checkMarks(copy, limits: decoding.limits)
            return copy
        } catch {
            throw corrupted(error, key())
        }
    }

    private func bytes(_ place: Place, _ key: (any CodingKey)?) throws -> [UInt8] {
        do throws(FrameError) {
            let decoding = decoding
            let bytes = try decoding.bytes.through(place.end, decoding.origin).extracting(place.start..<place.end)
            // The buffer is valid in the closure, which copies it.
            return unsafe bytes.withUnsafeBytes { buffer in unsafe [UInt8](buffer) }
        } catch {
            throw corrupted(error, key)
        }
    }

    /// The number, if `type` holds it exactly.
    func integer<T: FixedWidthInteger>(
        _ type: T.Type, _ place: Place, _ depth: Int, _ key: @autoclosure () -> (any CodingKey)?
    ) throws -> T {
        switch place.token.kind {
        case .int:
            let number = Int64(bitPattern: place.token.bits)
            guard let exact = T(exactly: number) else { throw misfit(number, type, key()) }
            return exact
        case .bigint:
            let number = try bigint(type, place, depth, key())
            guard let exact = T(exactly: number) else { throw misfit(number, type, key()) }
            return exact
        case .double:
            let number = Double(bitPattern: place.token.bits)
            guard let exact = T(exactly: number) else { throw misfit(number, type, key()) }
            return exact
        default: throw mismatch(type, place.token.kind, key())
        }
    }

    /// The number, if a double holds it exactly.
    func double(_ place: Place, _ key: @autoclosure () -> (any CodingKey)?) throws -> Double {
        switch place.token.kind {
        case .double: return Double(bitPattern: place.token.bits)
        case .int:
            let number = Int64(bitPattern: place.token.bits)
            guard let exact = Double(exactly: number) else { throw misfit(number, Double.self, key()) }
            return exact
        default: throw mismatch(Double.self, place.token.kind, key())
        }
    }

    /// The numbers of an array, in one go rather than through a container. `nil` where it is over a limit or has
    /// something else in it: the container's way says what, and where.
    private func doubles(_ place: Place, _ depth: Int) -> [Double]? {
        let count = Int(place.token.bits), limits = decoding.limits
        guard depth < limits.maxDepth, count <= limits.maxItems - decoding.items else { return nil }
        do throws(FrameError) {
            let decoding = decoding
            let bytes = try decoding.bytes.through(place.end, decoding.origin)
            var numbers: [Double] = []
            // Each takes a byte at least.
            numbers.reserveCapacity(min(count, place.token.contentBytes))
            var next = place.start
            for _ in 0..<count {
                let token = try ValueToken.read(bytes, at: next, origin: decoding.origin)
                guard token.kind == .double else { return nil }
                numbers.append(Double(bitPattern: token.bits))
                next += token.totalBytes
            }
            decoding.items += count
            return numbers
        } catch {
            return nil
        }
    }

    /// The nearest `Float`; a number beyond its range is refused.
    func float(_ place: Place, _ key: @autoclosure () -> (any CodingKey)?) throws -> Float {
        let number = try double(place, key())
        let rounded = Float(number)
        guard rounded.isFinite || !number.isFinite else { throw misfit(number, Float.self, key()) }
        return rounded
    }

    private func bigint(
        _ type: Any.Type, _ place: Place, _ depth: Int, _ key: @autoclosure () -> (any CodingKey)?
    ) throws -> BigInt {
        switch place.token.kind {
        case .int, .bigint:
            // Both are.
            guard let number = try tree(place, depth, key()).bigint else {
                throw mismatch(type, place.token.kind, key())
            }
            return number
        default: throw mismatch(type, place.token.kind, key())
        }
    }

    /// The value as a tree, all of it checked.
    func tree(_ place: Place, _ depth: Int, _ key: @autoclosure () -> (any CodingKey)?) throws -> Value {
        do throws(FrameError) {
            let decoding = decoding
            let content = try decoding.bytes.through(place.end, decoding.origin).extracting(place.start..<place.end)
            let view = ValueView(content, token: place.token, origin: decoding.origin + place.start)
            let budget = ValueBudget(decoding.limits, depth: depth, items: decoding.items)
            let (value, items) = try view.decode(budget: budget)
            decoding.items = items
            return value
        } catch {
            throw corrupted(error, key())
        }
    }

    private func misfit(_ number: some Any, _ type: Any.Type, _ key: (any CodingKey)?) -> DecodingError {
        let path = codingPath + (key.map { [$0] } ?? [])
        return .dataCorrupted(.init(codingPath: path, debugDescription: "\(number) does not fit \(type)"))
    }
}

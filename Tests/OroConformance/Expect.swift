// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroIPC

/// Why a behaviour was not shown.
public struct Unexpected: Error, CustomStringConvertible {
    public let description: String
    public init(_ text: String, line: Int = #line) { description = "line \(line): \(text)" }
}

public func expect(_ condition: Bool, _ text: @autoclosure () -> String = "", line: Int = #line) throws {
    if !condition { throw Unexpected(text(), line: line) }
}

public func expectEqual<T: Equatable>(_ got: T, _ wanted: T, _ text: String = "", line: Int = #line) throws {
    if got != wanted { throw Unexpected("\(text) got \(got), wanted \(wanted)", line: line) }
}

/// Runs `body` on a thread of its own, which is no task.
public func onThread<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    try await withCheckedThrowingContinuation { continuation in
        let thread = Thread { continuation.resume(with: Swift.Result { try body() }) }
        thread.stackSize = 1 << 20
        thread.start()
    }
}

/// Runs `body` on `count` threads at once.
public func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for index in 0..<count { group.addTask { try await onThread { try body(index) } } }
        try await group.waitForAll()
    }
}

/// Looks again until `condition` holds; the test's own time limit ends what never comes.
public func until(_ what: String, seconds: Double = 20, _ condition: () throws -> Bool) async throws {
    let end = oro_clock_ns() + UInt64(seconds * 1e9)
    while try !condition() {
        if oro_clock_ns() > end { throw Unexpected("never: \(what)") }
        await Task.yield()
        usleep(200)
    }
}

/// Bytes that tell by their content where they belong.
public func pattern(_ count: Int, seed: UInt64) -> [UInt8] {
    // The library writes to the one empty array that all threads share.
    if count == 0 { return [] }
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        var index = 0
        let raw = UnsafeMutableRawBufferPointer(buffer)
        while index + 8 <= count {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            raw.storeBytes(of: state, toByteOffset: index, as: UInt64.self)
            index += 8
        }
        while index < count {
            raw[index] = UInt8(truncatingIfNeeded: seed &+ UInt64(index))
            index += 1
        }
        filled = count
    }
}

/// Where received bytes are not what they should be, in words.
public func difference(_ bytes: Bytes?, _ wanted: [UInt8]) -> String {
    guard let bytes else { return "none" }
    let got = [UInt8](bytes)
    let index = zip(got, wanted).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? -1
    let count = zip(got, wanted).count { $0.0 != $0.1 }
    return "\(got.count) for \(wanted.count) bytes, \(count) differ, the first at \(index)"
}

public func same(_ bytes: Bytes?, _ wanted: [UInt8]) -> Bool {
    guard let bytes else { return wanted.isEmpty }
    guard bytes.count == wanted.count else { return false }
    return bytes.withUnsafeBytes { left in
        wanted.withUnsafeBytes { right in
            wanted.isEmpty || memcmp(left.baseAddress!, right.baseAddress!, left.count) == 0
        }
    }
}

/// A small generator of reproducible randomness (xorshift64*).
public struct Dice: RandomNumberGenerator, Sendable {
    private var state: UInt64
    public init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }
    public mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
}

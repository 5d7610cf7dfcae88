// SPDX-License-Identifier: Apache-2.0

import CSupport
import Synchronization

/// A value that one thread at a time may use.
///
/// A `Mutex`, whose hand-overs ThreadSanitizer can see: the library that `Mutex` comes in is not instrumented, and
/// without this every locked value would look like a race. Outside the sanitizer it costs one branch.
@usableFromInline
package struct Locked<Value: ~Copyable>: ~Copyable {
    @usableFromInline let mutex: Mutex<Value>

    @inlinable
    package init(_ value: consuming sending Value) { mutex = Mutex(value) }

    /// Runs `body` while no other thread has the value.
    @inlinable @inline(__always)
    package borrowing func withLock<R: ~Copyable, E: Error>(
        _ body: (inout sending Value) throws(E) -> sending R
    ) throws(E) -> sending R {
        try mutex.withLock { (value) throws(E) in
            // A mutex does not move while it is borrowed; only its address counts.
            unsafe withUnsafePointer(to: mutex) { unsafe oro_tsan_acquire($0) }
            defer { unsafe withUnsafePointer(to: mutex) { unsafe oro_tsan_release($0) } }
            return try body(&value)
        }
    }
}

extension Locked: @unchecked Sendable where Value: ~Copyable {}

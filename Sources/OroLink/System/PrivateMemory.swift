// SPDX-License-Identifier: Apache-2.0

import CSupport

/// Memory of this process alone for a message, freed when nobody owns it any more. What is large is freed without
/// keeping the caller (`oro_memory.h`).
@safe package struct PrivateMemory: ~Copyable {
    /// Valid as long as this is.
    package let buffer: UnsafeMutableRawBufferPointer

    /// Memory for `count` bytes, aligned to a line. Where the system has none the process ends, as with every
    /// allocation of Swift's.
    package init(_ count: Int) {
        guard let memory = unsafe oro_memory_allocate(count) else { fatalError("no memory for \(count) bytes") }
        unsafe buffer = UnsafeMutableRawBufferPointer(start: memory, count: count)
    }

    package var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(buffer) }

    package var base: UnsafeMutableRawPointer {
        // What ``init(_:)`` got has an address.
        unsafe buffer.baseAddress!
    }

    /// Hands the memory over to who calls `oro_memory_free`.
    package consuming func release() -> UnsafeMutableRawPointer {
        let base = unsafe base
        discard self
        return unsafe base
    }

    deinit { unsafe oro_memory_free(base) }
}

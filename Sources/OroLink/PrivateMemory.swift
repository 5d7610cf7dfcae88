import CSupport

/// Memory of this process alone for a message. What is large is freed without keeping the caller (`oro_memory.h`).
///
/// Whoever has it last frees it, once.
@safe package struct PrivateMemory {
    package let buffer: UnsafeMutableRawBufferPointer

    /// Memory for `count` bytes, aligned to a line. Where the system has none the process ends, as with every allocation of
    /// Swift's.
    package init(_ count: Int) {
        guard let memory = unsafe oro_memory_allocate(count) else { fatalError("no memory for \(count) bytes") }
        unsafe buffer = UnsafeMutableRawBufferPointer(start: memory, count: count)
    }

    package var base: UnsafeMutableRawPointer {
        // What ``init(_:)`` got has an address.
        unsafe buffer.baseAddress!
    }

    package func free() { unsafe oro_memory_free(base) }
}

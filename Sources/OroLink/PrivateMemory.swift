import CSupport

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Memory of this process whose size a peer decides: a failure is an error, where Swift's own allocation ends the process.
package enum PrivateMemory {
    /// So many bytes, aligned to a line; freed by `deallocate()`. Throws `system` with ENOMEM.
    package static func allocate(_ bytes: Int) throws(LinkError) -> UnsafeMutableRawPointer {
        guard let memory = unsafe oro_allocate(bytes) else { throw .system(call: "malloc", errno: ENOMEM) }
        return unsafe memory
    }
}

// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What the errno of a system call means here: the limit that was met, where it was one.
enum SystemFailure {
    static func text(_ call: String, _ errno: Int32) -> String {
        switch errno {
        case EMFILE:
            "EMFILE, this process has as many descriptors as RLIMIT_NOFILE allows (ulimit -n)"
        case ENFILE: "ENFILE, the system has as many open files as fs.file-max allows"
        case EFBIG: "EFBIG, memory of this size is over RLIMIT_FSIZE (ulimit -f)"
        case ENOMEM where call == "mmap":
            "ENOMEM, no memory or no addresses are left: vm.max_map_count, RLIMIT_AS (ulimit -v), or all memory is in use"
        case ENOMEM: "ENOMEM, no memory is left"
        case EAGAIN where call == "pthread_create":
            "EAGAIN, no further thread: RLIMIT_NPROC (ulimit -u), RLIMIT_AS (ulimit -v), or the control group's pids.max"
        case ENOSPC: "ENOSPC, the system has no shared memory left"
        default: "errno \(errno), \(unsafe String(cString: strerror(errno)))"
        }
    }
}

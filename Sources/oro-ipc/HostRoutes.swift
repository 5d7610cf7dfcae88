import Glibc
import OroIPC

/// The routes of a host that have nothing to do with files.
enum HostRoutes {
    /// Answers them on `host`.
    static func map(on host: Host) {
        host.router.map("ping") { _ in Result(data: "pong") }
        let primordials = primordials()
        host.router.map("platform.primordials") { _ in Result(data: primordials) }
        StreamRoutes.map(on: host.router)
        // For `demo` and `bench`: what the engine of this process has done. Not a part of `oro:ipc`.
        let backend = Value.string(host.backend.rawValue)
        host.router.map("diagnostics.engine") { [unowned host] _ in
            Result(data: [
                "copiedBytes": .int(Int64(clamping: host.statistics.copiedBytes)),
                "systemCalls": .int(Int64(clamping: Diagnostics.systemCalls)), "backend": backend,
                "processId": .int(Int64(getpid())),
            ])
        }
    }

    /// What the module `oro:ipc` shows as `primordials`: where it runs.
    static func primordials() -> Value {
        [
            "arch": .string(architecture),
            "cwd": .string(workingDirectory),
            "platform": "linux",
            "host-operating-system": "linux",
            "version": [
                "short": .string(ToolVersion.short), "hash": .string(ToolVersion.hash),
                "full": .string(ToolVersion.full),
            ],
        ]
    }

    private static var architecture: String {
        #if arch(x86_64)
            "x64"
        #elseif arch(arm64)
            "arm64"
        #elseif arch(i386)
            "ia32"
        #else
            "arm"
        #endif
    }

    private static var workingDirectory: String {
        // With NULL it allocates what it needs, and the caller frees it.
        guard let path = unsafe getcwd(nil, 0) else { return "/" }
        defer { unsafe free(path) }
        return unsafe String(cString: path)
    }
}

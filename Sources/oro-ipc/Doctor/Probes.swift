// SPDX-License-Identifier: Apache-2.0

import CTool
import Glibc
import OroIPC
import OroTool

/// Each finds out one thing for `doctor`, by doing it.
enum Probes {
    static func kernel() -> Finding {
        var names = utsname()
        // Fills the structure; its members end with zero.
        guard unsafe uname(&names) == 0 else { return Finding(name: "kernel", state: .fact, detail: "unknown") }
        func text<T>(_ member: T) -> String {
            // A tuple of characters that ends with zero.
            unsafe withUnsafeBytes(of: member) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        let release = text(names.release)
        let version = release.split(separator: ".").prefix(2).map { Int($0.prefix { $0.isNumber }) ?? 0 }
        let old = version.lexicographicallyPrecedes([5, 1])
        return Finding(
            name: "kernel", state: old ? .missing : .works,
            detail: "\(text(names.sysname)) \(release) \(text(names.machine))",
            advice: old ? "F_SEAL_FUTURE_WRITE came with Linux 5.1: update the kernel" : nil)
    }

    static func processors() -> Finding {
        var online: Int32 = 0
        // Fills the number.
        let allowed = unsafe tool_processors(&online)
        let detail = allowed == online ? "\(allowed)" : "\(allowed) of \(online) that are online"
        let alone = allowed < 2
        return Finding(
            name: "processors", state: .fact, detail: detail,
            advice: alone ? "two processes on one processor take turns: prefer the idle policy 'park'" : nil)
    }

    static func seals() -> Finding {
        var error: Int32 = 0
        // Fills the number.
        let step = unsafe tool_probe_seals(&error)
        let why = error == 0 ? "" : " (\(FileFailure(error).name))"
        let (detail, advice): (String, String?) =
            switch step {
            case TOOL_SEALS_OK:
                ("F_SEAL_FUTURE_WRITE holds: no new writable mapping, no mprotect, reading works", nil)
            case TOOL_SEALS_CREATE:
                ("memfd_create or fallocate fails\(why)", "allow memfd_create, and look at the memory limit")
            case TOOL_SEALS_SEAL: ("the seals are refused\(why)", "F_SEAL_FUTURE_WRITE needs Linux 5.1 or later")
            case TOOL_SEALS_NEW_WRITABLE:
                ("a sealed segment can be mapped writable again", "this kernel does not keep the seal: do not use it")
            case TOOL_SEALS_UPGRADE:
                ("a read-only mapping can be made writable", "this kernel does not keep the seal: do not use it")
            case TOOL_SEALS_READ_ONLY:
                ("a sealed segment cannot be mapped read-only\(why)", "look at the limits of memory and mappings")
            default:
                ("writes are not seen through a read-only mapping", "this kernel does not share memfds: do not use it")
            }
        return Finding(
            name: "sealed segments", state: step == TOOL_SEALS_OK ? .works : .missing, detail: detail, advice: advice,
            isNeeded: true)
    }

    static func noExec() -> Finding {
        judge(
            "MFD_NOEXEC_SEAL", tool_probe_noexec_seal(), "segments can never be executed",
            "segments are made without it; it needs Linux 6.3")
    }

    /// A host and a client that exchange a ping: what everything else is for.
    static func link(_ backend: WakeBackend) -> Finding {
        var detail: String
        var advice: String?
        do throws(LinkError) {
            var options = HostOptions()
            options.backend = backend
            let host = try Host.embedded(options: options)
            defer { host.stop() }
            let client = try host.connect()
            defer { client.close() }
            let result = client.sendSync("ping", options: CallOptions(timeout: .seconds(5)))
            if result.data?.string == "pong" {
                return Finding(name: backend.rawValue, state: .works, detail: "a host answers a client")
            }
            detail = "a link was made, and a ping failed: \(result.err?.description ?? "no answer")"
        } catch {
            detail = error.description
            if case .system(let call, let number) = error {
                detail = "\(call): \(FileFailure(number).name), \(FileFailure(number).text)"
                if backend == .ioUring { advice = ioUringAdvice(number) }
            }
        }
        if backend == .epoll { advice = "without it there is no fallback where io_uring is forbidden" }
        return Finding(name: backend.rawValue, state: .missing, detail: detail, advice: advice)
    }

    private static func ioUringAdvice(_ number: Int32) -> String {
        let disabled = setting("/proc/sys/kernel/io_uring_disabled") ?? "0"
        let reason =
            switch (number, disabled) {
            case (_, "2"): "kernel.io_uring_disabled is 2: sysctl kernel.io_uring_disabled=0 allows it"
            case (EPERM, "1"): "kernel.io_uring_disabled is 1: only for members of kernel.io_uring_group and root"
            case (ENOSYS, _): "the kernel has none, or a container's filter hides it"
            case (EPERM, _), (EACCES, _):
                "a seccomp filter forbids it (Docker's default does); allow io_uring_setup, io_uring_enter and io_uring_register"
            case (ENOMEM, _): "the limit of locked memory is too low: ulimit -l"
            default: "the kernel refuses it"
            }
        return "\(reason). The engine uses epoll instead"
    }

    static func peerPidfd() -> Finding {
        judge(
            "SO_PEERPIDFD", tool_probe_peer_pidfd(), "the death of a peer is seen without a race",
            "it needs Linux 6.5; pidfd_open is used instead")
    }

    static func pidfdOpen() -> Finding {
        judge(
            "pidfd_open", tool_probe_pidfd_open(), "works",
            "it needs Linux 5.3; the death of a peer is seen by its socket alone")
    }

    static func membarrier() -> Finding {
        judge(
            "membarrier", tool_probe_membarrier(), "senders need no fence of their own",
            "it needs Linux 4.16; every message pays a fence instead")
    }

    static func openat2() -> Finding {
        judge(
            "openat2", tool_has_openat2(), "'serve --root' follows symbolic links that stay inside",
            "it needs Linux 5.6; 'serve --root' refuses every symbolic link instead")
    }

    /// Descriptors a host needs for each client, and for itself.
    private static let perLink: UInt64 = 4
    private static let forItself: UInt64 = 16

    static func descriptors() -> Finding {
        var (soft, hard): (UInt64, UInt64) = (0, 0)
        // Fills both numbers.
        unsafe tool_descriptor_limits(&soft, &hard)
        let clients = soft > forItself ? (soft - forItself) / perLink : 0
        let hardText = hard == UInt64.max ? "no limit" : Units.count(hard)
        let detail =
            "RLIMIT_NOFILE \(Units.count(soft)) (at most \(hardText)): a host serves \(Units.count(clients)) clients"
        let few = clients < 1000
        return Finding(
            name: "descriptors", state: few ? .missing : .works, detail: detail,
            advice: few ? "for 1 000 clients: ulimit -n \(1000 * perLink + forItself + 80)" : nil)
    }

    static func mappings() -> Finding {
        guard let text = setting("/proc/sys/vm/max_map_count"), let most = Int(text) else {
            return Finding(name: "mappings", state: .fact, detail: "vm.max_map_count cannot be read")
        }
        // Two segments; of each, the head with the ring behind it, and the ring once more.
        let links = most / 4
        let few = links < 1000
        return Finding(
            name: "mappings", state: few ? .missing : .works,
            detail: "vm.max_map_count \(Units.count(most)): room for about \(Units.count(links)) links",
            advice: few ? "sysctl vm.max_map_count=65530" : nil)
    }

    /// What a file of /proc/sys says.
    private static func setting(_ path: String) -> String? {
        guard let bytes = try? WholeFile.read(path) else { return nil }
        return String(decoding: bytes.prefix { $0 > 0x20 }, as: UTF8.self)
    }

    private static func judge(_ name: String, _ outcome: Int32, _ works: String, _ missing: String) -> Finding {
        if outcome == 0 { return Finding(name: name, state: .works, detail: works) }
        let failure = FileFailure(-outcome)
        return Finding(name: name, state: .missing, detail: "\(failure.name), \(failure.text)", advice: missing)
    }
}

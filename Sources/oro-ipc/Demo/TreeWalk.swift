// SPDX-License-Identifier: Apache-2.0

import CTool
import Glibc
import OroIPC
import OroTool

/// What a walk has seen.
struct Tally: Sendable {
    var files = 0
    var directories = 0
    var bytes: UInt64 = 0
    /// Refused to both sides alike.
    var unreadable = 0
    var symlinks = 0
    /// FIFOs, sockets and devices.
    var special = 0
    var mismatches: [(path: [UInt8], why: String)] = []
    var latencies: [UInt64] = []

    static func += (left: inout Tally, right: Tally) {
        left.files += right.files
        left.directories += right.directories
        left.bytes += right.bytes
        left.unreadable += right.unreadable
        left.symlinks += right.symlinks
        left.special += right.special
        left.mismatches += right.mismatches
        left.latencies += right.latencies
    }
}

/// Looks at everything in a folder twice, through the host and directly, and compares.
struct TreeWalk: Sendable {
    private let client: Client
    private let direct: DirectFolder
    private let inFlight: Int
    private let progress: ProgressBar

    /// Bytes of a file asked for at once. With the requests in flight it bounds the memory of both sides.
    private static let piece = 16 << 20

    private struct Item: Sendable {
        var path: [UInt8]
        var type: FileType
    }

    /// What looking at one item came to.
    private struct Seen: Sendable {
        var tally = Tally()
        var children: [Item] = []
    }

    init(_ client: Client, _ direct: DirectFolder, inFlight: Int, progress: ProgressBar) {
        self.client = client
        self.direct = direct
        self.inFlight = inFlight
        self.progress = progress
    }

    /// Walks the whole tree, directories first, so that the number of files is soon known. Each item has one request in
    /// flight at a time. Throws when the task is cancelled or the host is gone.
    func run() async throws -> Tally {
        var tally = Tally()
        var directories = [Item(path: [UInt8(ascii: ".")], type: .directory)]
        var others: [Item] = []
        progress.found(1)
        try await withThrowingTaskGroup(of: Seen.self) { group in
            var running = 0
            while true {
                while running < inFlight, let item = directories.popLast() ?? others.popLast() {
                    running += 1
                    group.addTask { try await look(at: item) }
                }
                guard running > 0, let seen = try await group.next() else { return }
                running -= 1
                tally += seen.tally
                for child in seen.children {
                    if child.type == .directory { directories.append(child) } else { others.append(child) }
                }
                progress.found(seen.children.count)
                progress.done(
                    1, bytes: seen.tally.bytes, requests: seen.tally.latencies.count,
                    isListing: !directories.isEmpty)
            }
        }
        tally.mismatches.sort { $0.path.lexicographicallyPrecedes($1.path) }
        return tally
    }

    /// Compares one item; what differs is looked at once more, because it may have changed between the two looks.
    private func look(at item: Item) async throws -> Seen {
        var remote = RemoteFolder(client)
        var seen = Seen()
        var difference = try await compare(item, &remote, &seen)
        if difference != nil {
            seen = Seen()
            difference = try await compare(item, &remote, &seen)
        }
        if let difference { seen.tally.mismatches.append((item.path, difference)) }
        seen.tally.latencies = remote.latencies
        return seen
    }

    /// What differs between the host's view and ours, or nil.
    private func compare(_ item: Item, _ remote: inout RemoteFolder, _ seen: inout Seen) async throws -> String? {
        if item.type == .directory { return try await compareDirectory(item.path, &remote, &seen) }
        if let difference = try await compareStatus(item, &remote) { return difference }
        switch item.type {
        case .file: return try await compareFile(item.path, &remote, &seen)
        case .symlink: seen.tally.symlinks = 1
        default: seen.tally.special = 1
        }
        return nil
    }

    private func compareDirectory(
        _ path: [UInt8], _ remote: inout RemoteFolder, _ seen: inout Seen
    ) async throws -> String? {
        let (theirs, ours) = (
            await answer { () throws(RemoteFolder.Refusal) in try await remote.list(path) }, direct(path)
        )
        switch (theirs, ours) {
        case (.success(let theirs), .success(let ours)):
            seen.tally.directories = 1
            let parent = path == [UInt8(ascii: ".")] ? [] : path + [UInt8(ascii: "/")]
            seen.children = ours.map { Item(path: parent + $0.name, type: $0.type) }
            return theirs == ours ? nil : "the host lists \(theirs.count) names, this process \(ours.count)"
        case (.failure(let refusal), .failure(let failure)):
            return try agree(refusal, failure, &seen)
        case (.failure(let refusal), .success):
            try rethrow(refusal)
            return "only the host is refused: \(refusal.error)"
        case (.success, .failure(let failure)): return "only this process is refused: \(failure.text)"
        }
    }

    private func direct(_ path: [UInt8]) -> Swift.Result<[DirectoryEntry], FileFailure> {
        do throws(FileFailure) { return .success(try direct.list(path)) } catch { return .failure(error) }
    }

    private func answer<T>(
        _ body: () async throws(RemoteFolder.Refusal) -> T
    ) async -> Swift.Result<T, RemoteFolder.Refusal> {
        do throws(RemoteFolder.Refusal) { return .success(try await body()) } catch { return .failure(error) }
    }

    private func compareStatus(_ item: Item, _ remote: inout RemoteFolder) async throws -> String? {
        let theirs = await answer { () throws(RemoteFolder.Refusal) in try await remote.status(item.path) }
        let ours: Swift.Result<tool_status, FileFailure>
        do throws(FileFailure) { ours = .success(try direct.status(item.path)) } catch { ours = .failure(error) }
        switch (theirs, ours) {
        case (.success(let theirs), .success(let ours)):
            let same =
                theirs.size == ours.size && theirs.inode == ours.inode && theirs.links == ours.links
                && theirs.modified_ns == ours.modified_ns && theirs.mode == ours.mode && theirs.type == ours.type
            return same ? nil : "the status differs (host: \(theirs.size) bytes, this process: \(ours.size))"
        case (.failure(let refusal), .failure(let failure)):
            try rethrow(refusal)
            return refusal.errno == failure.number ? nil : "different refusals: \(refusal.error); \(failure.text)"
        case (.failure(let refusal), .success):
            try rethrow(refusal)
            return "only the host is refused: \(refusal.error)"
        case (.success, .failure(let failure)): return "only this process is refused: \(failure.text)"
        }
    }

    /// Piece by piece, until both sides see the end at the same place.
    private func compareFile(
        _ path: [UInt8], _ remote: inout RemoteFolder, _ seen: inout Seen
    ) async throws -> String? {
        var offset: UInt64 = 0
        while true {
            let theirs = await answer { () throws(RemoteFolder.Refusal) in
                try await remote.read(path, at: offset, TreeWalk.piece)
            }
            let ours: Swift.Result<[UInt8], FileFailure>
            do throws(FileFailure) {
                ours = .success(try direct.openRegular(path).read(TreeWalk.piece, at: offset))
            } catch { ours = .failure(error) }
            switch (theirs, ours) {
            case (.success(let theirs), .success(let ours)):
                let count = theirs?.count ?? 0
                guard TreeWalk.same(theirs, ours) else {
                    return "the bytes from \(offset) on differ (host: \(count), this process: \(ours.count))"
                }
                offset += UInt64(count)
                seen.tally.bytes = offset
                seen.tally.files = 1
                if count < TreeWalk.piece { return nil }
            case (.failure(let refusal), .failure(let failure)): return try agree(refusal, failure, &seen)
            case (.failure(let refusal), .success):
                try rethrow(refusal)
                return "only the host is refused: \(refusal.error)"
            case (.success, .failure(let failure)): return "only this process is refused: \(failure.text)"
            }
        }
    }

    private static func same(_ theirs: Bytes?, _ ours: [UInt8]) -> Bool {
        guard let theirs else { return ours.isEmpty }
        guard theirs.count == ours.count else { return false }
        // Both have that many bytes.
        return unsafe theirs.withUnsafeBytes { theirs in
            unsafe ours.withUnsafeBytes { unsafe memcmp(theirs.baseAddress!, $0.baseAddress!, theirs.count) == 0 }
        }
    }

    /// Both sides are refused: that agrees when it is for the same reason.
    private func agree(_ refusal: RemoteFolder.Refusal, _ failure: FileFailure, _ seen: inout Seen) throws -> String? {
        try rethrow(refusal)
        guard refusal.errno == failure.number else { return "different refusals: \(refusal.error); \(failure.text)" }
        seen.tally.unreadable = 1
        return nil
    }

    /// What is not about the file ends the walk: the host is gone, or does not answer.
    private func rethrow(_ refusal: RemoteFolder.Refusal) throws {
        if ["NetworkError", "AbortError", "TimeoutError"].contains(refusal.error.name) {
            throw ToolError(.failed, "the host does not answer: \(refusal.error)")
        }
    }
}

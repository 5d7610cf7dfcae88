// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestProcesses
import Testing

/// The compiler, for code that is not part of the tests' own: what must be refused, and what the documents show.
enum Compiler {
    /// Compiles as far as ownership and lifetimes are looked at (which `-typecheck` does not do).
    static func compile(_ code: String) throws -> (status: Int32, errors: String) {
        let files = FileManager.default
        let build = ((try files.destinationOfSymbolicLink(atPath: "/proc/self/exe")) as NSString)
            .deletingLastPathComponent
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let path = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/swiftc" }
        let compiler = try #require(path.first { files.isExecutableFile(atPath: $0) }, "no swiftc in PATH")
        let folder = files.temporaryDirectory.appendingPathComponent("oro-cf-\(UUID().uuidString)")
        try files.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? files.removeItem(at: folder) }
        let file = folder.appendingPathComponent("snippet.swift")
        try code.write(to: file, atomically: true, encoding: .utf8)
        let process = try FinishedProcess(
            [
                compiler,
                "-emit-sil", "-o", "/dev/null", "-swift-version", "6", "-enable-experimental-feature", "Lifetimes",
                "-I", "\(build)/Modules", "-Xcc", "-fmodule-map-file=\(sources)/CSupport/include/module.modulemap",
                "-Xcc", "-I\(sources)/CSupport/include", "-module-cache-path", "\(build)/ModuleCache", file.path,
            ], joiningErrors: true)
        return (process.status, process.text)
    }
}

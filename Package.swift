// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .enableExperimentalFeature("Lifetimes"),
]

let testSettings: [SwiftSetting] = [.swiftLanguageMode(.v6)]

let package = Package(
    name: "oro-ipc",
    products: [
        .library(name: "OroIPC", targets: ["OroIPC"]),
        .library(name: "OroIPCFoundation", targets: ["OroIPCFoundation"]),
        .library(name: "OroABI", type: .static, targets: ["OroABI"]),
        .library(name: "OroIPCService", targets: ["OroIPCService"]),
        .library(name: "OroIPCMetrics", targets: ["OroIPCMetrics"]),
        .executable(name: "oro-ipc", targets: ["oro-ipc"]),
    ],
    // What only some programs need, and the packages for it. A program that wants the library alone says `traits: []`.
    traits: [
        .default(enabledTraits: ["Tool", "Service", "Metrics"]),
        .trait(name: "Tool", description: "The command-line tool and its benches (swift-argument-parser)"),
        .trait(name: "Service", description: "OroIPCService (swift-service-lifecycle)"),
        .trait(name: "Metrics", description: "OroIPCMetrics (swift-metrics)"),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/attaswift/BigInt", from: "6.0.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CLiburing", path: "CSupport/liburing", pkgConfig: "liburing",
            providers: [.apt(["liburing-dev"])]),
        .target(
            name: "CSupport", dependencies: ["CLiburing"], path: "CSupport",
            exclude: ["liburing"], publicHeadersPath: "include"),
        .target(
            name: "OroFrame",
            dependencies: [
                .product(name: "BigInt", package: "BigInt"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ],
            swiftSettings: swiftSettings),
        .target(
            name: "OroLink",
            dependencies: ["CSupport", .product(name: "DequeModule", package: "swift-collections")],
            swiftSettings: swiftSettings),
        .target(name: "OroURI", swiftSettings: swiftSettings),
        // What calls and ports have in common: errors, payloads, waiting.
        .target(
            name: "OroBase",
            dependencies: ["OroFrame", "OroLink", .product(name: "DequeModule", package: "swift-collections")],
            swiftSettings: swiftSettings),
        // Ports below their public API: what is sent, the ports of one owner, the broker.
        .target(
            name: "OroPorts",
            dependencies: [
                "OroBase", "OroFrame", "OroLink", .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: swiftSettings),
        .target(
            name: "OroIPC",
            dependencies: [
                "OroBase", "OroFrame", "OroLink", "OroPorts", "OroURI",
                .product(name: "BigInt", package: "BigInt"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "OrderedCollections", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings),
        // Conversions for programs that use Foundation; the library itself does not.
        .target(name: "OroIPCFoundation", dependencies: ["OroFrame", "OroIPC"], swiftSettings: swiftSettings),
        // The C interface: the header is the contract, Swift implements it. `tools/install` makes the libraries.
        .systemLibrary(name: "COroIPC", path: "Sources/OroABI/include"),
        .target(
            name: "OroABI",
            dependencies: ["COroIPC", "OroIPC", .product(name: "Logging", package: "swift-log")],
            exclude: ["include"], swiftSettings: swiftSettings),
        // A host among the services of a server; how often its routes are called, for whoever collects that.
        .target(
            name: "OroIPCService",
            dependencies: [
                "OroIPC",
                .product(
                    name: "ServiceLifecycle", package: "swift-service-lifecycle", condition: .when(traits: ["Service"])),
            ],
            swiftSettings: swiftSettings),
        .target(
            name: "OroIPCMetrics",
            dependencies: [
                "OroIPC", .product(name: "Metrics", package: "swift-metrics", condition: .when(traits: ["Metrics"])),
            ],
            swiftSettings: swiftSettings),
        .target(name: "CTool"),
        .target(name: "CBench", dependencies: ["CSupport"]),
        // What the tool's commands and the benches have of their process: streams, threads, children, exit codes.
        .target(name: "OroTool", dependencies: ["CTool", "OroIPC"], swiftSettings: swiftSettings),
        .target(
            name: "OroBench",
            dependencies: [
                "CBench", "OroIPC", "OroTool",
                .product(name: "ArgumentParser", package: "swift-argument-parser", condition: .when(traits: ["Tool"])),
            ],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "oro-ipc",
            dependencies: [
                "CTool", "OroBench", "OroIPC", "OroTool",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ArgumentParser", package: "swift-argument-parser", condition: .when(traits: ["Tool"])),
            ],
            swiftSettings: swiftSettings),
        // Values and texts made at random from a seed.
        .target(
            name: "TestGenerators",
            dependencies: [
                "OroFrame",
                .product(name: "BigInt", package: "BigInt"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ],
            path: "Tests/TestGenerators", swiftSettings: testSettings),
        .testTarget(
            name: "OroFrameTests", dependencies: ["OroFrame", "TestGenerators"], swiftSettings: swiftSettings),
        .testTarget(
            name: "OroURITests", dependencies: ["OroURI", "OroFrame", "TestGenerators", "TestProcesses"],
            swiftSettings: testSettings),
        .testTarget(
            name: "ToolTests", dependencies: ["OroIPC", "OroTool", "oro-ipc"], swiftSettings: swiftSettings),
        // What tests need of C: other processes, tracing, seccomp, counts of allocations and system calls.
        .target(name: "CTestSupport", dependencies: ["CSupport"], path: "Tests/CTestSupport"),
        // Programs that tests run to their end.
        .target(
            name: "TestProcesses", dependencies: ["CTestSupport"], path: "Tests/TestProcesses",
            swiftSettings: swiftSettings),
        // The behaviours every backend and topology must show, as code that either side's process can run.
        .target(
            name: "OroConformance", dependencies: ["OroIPC", "CTestSupport"], path: "Tests/OroConformance",
            swiftSettings: testSettings),
        .executableTarget(
            name: "oro-test-peer",
            dependencies: [
                "OroIPC", "OroURI", "OroConformance", "CTestSupport", .product(name: "BigInt", package: "BigInt"),
            ],
            path: "Tests/oro-test-peer", swiftSettings: testSettings),
        // Parts on their own, in this process and without waiting: what a change of one part is tried with first.
        .testTarget(
            name: "UnitTests",
            dependencies: ["CSupport", "OroFrame", "OroLink", "OroBase", "OroPorts", "OroIPC", "TestGenerators"],
            exclude: ["Ring"], swiftSettings: swiftSettings),
        .testTarget(
            name: "OroLinkTests", dependencies: ["OroLink", "CTestSupport"], swiftSettings: testSettings),
        .testTarget(
            name: "OroIPCTests",
            dependencies: [
                "OroBase", "OroPorts", "OroIPC", "OroIPCFoundation", "OroIPCService", "OroIPCMetrics", "OroConformance",
                "CTestSupport",
                "TestGenerators", "TestProcesses",
                .product(
                    name: "ServiceLifecycle", package: "swift-service-lifecycle", condition: .when(traits: ["Service"])),
                .product(name: "MetricsTestKit", package: "swift-metrics", condition: .when(traits: ["Metrics"])),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: testSettings),
    ],
    cLanguageStandard: .c17
)

// The parts and their tests without the processes, the tool and the C interface, which under a sanitizer would take
// too long for each run of tools/test.
if Context.environment["ORO_IPC_PARTS"] != nil {
    let parts: Set = [
        "CLiburing", "CSupport", "OroFrame", "OroLink", "OroURI", "OroBase", "OroPorts", "OroIPC", "TestGenerators",
        "CTestSupport",
        "OroFrameTests",
        "OroLinkTests", "UnitTests",
    ]
    package.targets.removeAll { !parts.contains($0.name) }
    package.products = []
}

// The fuzzers; tools/fuzz builds them, with flags of their own for everything below them.
if Context.environment["ORO_IPC_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "oro-fuzz",
            dependencies: [
                "CSupport", "OroFrame", "OroLink", "OroURI", "OroBase", "OroPorts", "OroIPC", "TestGenerators",
                .product(name: "BigInt", package: "BigInt"),
            ],
            path: "Fuzz",
            swiftSettings: testSettings + [
                .enableExperimentalFeature("Lifetimes"), .unsafeFlags(["-parse-as-library"]),
            ]))
}

// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// Benchmarks of values, beside Foundation's JSON coding of the same ones: a package of its own, so that users of OroIPC
// do not pull what it needs. `tools/bench` runs it.
let package = Package(
    name: "oro-ipc-benchmarks",
    dependencies: [
        .package(name: "oro-ipc", path: ".."),
        // Without its traits, whose interposers are packages of their own: allocations are counted by CAllocations.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    ],
    targets: [
        .target(name: "CAllocations"),
        .executableTarget(
            name: "Values",
            dependencies: [
                "CAllocations",
                .product(name: "OroIPC", package: "oro-ipc"),
                .product(name: "OroIPCFoundation", package: "oro-ipc"),
                .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Benchmarks/Values",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
    ]
)

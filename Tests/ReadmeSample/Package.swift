// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// The README's Swift, as a package of its own; tools/check-docs compares, tools/test builds and runs it.
let package = Package(
    name: "readme-sample",
    dependencies: [.package(name: "oro-ipc", path: "../..")],
    targets: [
        .executableTarget(
            name: "readme-sample", dependencies: [.product(name: "OroIPC", package: "oro-ipc")], path: ".",
            sources: ["main.swift"])
    ]
)

// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The code in the articles is code. (What docs/ shows are parts; the README's sample is a package that tools/test
/// runs.)
@Suite("Documents")
struct DocumentTests {
    struct Block: Sendable, CustomTestStringConvertible {
        let file: String
        /// Of the block's first line in the file.
        let line: Int
        let code: String
        var testDescription: String { "\(file):\(line)" }
    }

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The blocks of Swift in the Markdown files of a folder.
    private static func blocks(in folder: String) -> [Block] {
        let folder = root.appendingPathComponent(folder)
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return files.filter { $0.pathExtension == "md" }.sorted { $0.path < $1.path }.flatMap { file in
            var blocks: [Block] = []
            var open: (line: Int, code: [Substring])?
            let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
            for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                if let block = open {
                    if line == "```" {
                        blocks.append(
                            Block(
                                file: file.lastPathComponent, line: block.line,
                                code: block.code.joined(separator: "\n") + "\n"))
                        open = nil
                    } else {
                        open?.code.append(line)
                    }
                } else if line == "```swift" {
                    open = (number + 2, [])
                }
            }
            return blocks
        }
    }

    static let articles = blocks(in: "Sources/OroIPC/OroIPC.docc")

    @Test("the articles' code compiles, without a warning", arguments: articles)
    func articleCompiles(_ block: Block) async throws {
        let (status, errors) = try Compiler.compile(block.code)
        #expect(status == 0 && errors.isEmpty, "\(errors)")
    }

    @Test("there are articles, and all their code stands on its own")
    func articlesAreThere() {
        #expect(Set(DocumentTests.articles.map(\.file)).count == 5)
        for block in DocumentTests.articles {
            #expect(block.code.hasPrefix("import OroIPC"), "\(block.testDescription)")
        }
    }
}

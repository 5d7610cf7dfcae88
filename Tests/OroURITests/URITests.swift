// SPDX-License-Identifier: Apache-2.0

import OroURI
import TestGenerators
import Testing

@Suite("URIs")
struct URITests {
    @Test(
        "a text that is no URI says why",
        arguments: [
            ("", URIError.noScheme), ("foo", .noScheme), ("1a:b", .noScheme), ("a b:c", .noScheme), ("//a", .noScheme),
            ("http://x", .specialScheme("http")), ("FILE:/x", .specialScheme("file")), ("ipc://a b", .badHost(0x20)),
            ("ipc://a^b", .badHost(0x5E)), ("ipc://a\u{0}b", .badHost(0)), ("ipc://[::1", .badAddress),
            ("ipc://[g::]", .badAddress),
            ("ipc://[1:2:3:4:5:6:7::8]", .badAddress), ("ipc://u@", .noHost), ("ipc://:80", .noHost),
            ("ipc://a:b", .badPort),
            ("ipc://a:65536", .badPort),
        ])
    func refused(text: String, error: URIError) {
        #expect(throws: error) { try URI(text) }
    }

    @Test(
        "a URI in its normal form",
        arguments: [
            ("IPC://Foo", "ipc://Foo"), (" ipc://a\t/b\n ", "ipc://a/b"), ("ipc://ünï", "ipc://%C3%BCn%C3%AF"),
            ("ipc://a/b/../c/./d/%2e%2E", "ipc://a/c/"), ("ipc:/..//a", "ipc:/.//a"), ("ipc://a:0080", "ipc://a:80"),
            ("ipc://a:", "ipc://a"), ("ipc://u:@a", "ipc://u@a"), ("ipc://a@b@c:d:e@f", "ipc://a%40b%40c:d%3Ae@f"),
            ("ipc://[1:0:0:2::3]", "ipc://[1:0:0:2::3]"), ("ipc://[::FFFF:1.2.3.4]", "ipc://[::ffff:102:304]"),
            ("ipc://a?b c'\"#d`e", "ipc://a?b%20c'%22#d%60e"), ("ipc:a b?", "ipc:a b?"), ("ipc://a?#", "ipc://a?#"),
        ])
    func normal(text: String, href: String) throws {
        #expect(try URI(text).href == href)
        #expect(try URI(href).href == href)
    }

    @Test(
        "50 000 generated URIs and forms, and 20 000 times any bytes, are the same when they were written and read again"
    )
    func stable() {
        var generator = SeededGenerator(seed: 7)
        for number in 0..<120_000 {
            let bytes =
                switch number {
                case ..<50_000: Array(generator.uri().utf8)
                case ..<100_000: Array(generator.form().utf8)
                default: generator.bytes()
                }
            #expect(URIInvariants.broken(by: bytes) == nil)
        }
    }
}

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

    @Test("50 000 generated URIs are the same URI when their text is read again")
    func stable() throws {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<50_000 {
            guard let uri = try? URI(generator.uri()) else { continue }
            #expect(try URI(uri.href) == uri)
        }
    }

    @Test("50 000 generated forms have the same pairs when they are written and read again")
    func stableForms() {
        var generator = SeededGenerator(seed: 8)
        for _ in 0..<50_000 {
            let pairs = FormURLEncoded.parse(generator.form())
            for text in [FormURLEncoded.serialize(pairs), FormURLEncoded.serializeWithoutPlus(pairs)] {
                let again = FormURLEncoded.parse(text)
                #expect(again.map(\.name) == pairs.map(\.name))
                #expect(again.map(\.value) == pairs.map(\.value))
            }
        }
    }

    @Test("any bytes are a form")
    func bytes() {
        var generator = SeededGenerator(seed: 9)
        for _ in 0..<10_000 {
            let pairs = FormURLEncoded.parse(generator.bytes())
            #expect(FormURLEncoded.parse(FormURLEncoded.serialize(pairs)).map(\.value) == pairs.map(\.value))
        }
    }
}

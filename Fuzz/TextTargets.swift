// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroIPC
import OroURI

/// A JSON text that is read, written and read again is the same value.
enum JSONTarget {
    static func check(_ input: [UInt8]) {
        let text = String(decoding: input, as: UTF8.self)
        _ = parseJSON(text)
        guard let value = try? Value(json: text) else { return }
        let written = value.json()
        require((try? Value(json: written)) == value, "read again it is another value: \(written)")
        require((try? Value(json: written))?.json() == written, "written again it is another text: \(written)")
        require((try? value.encoded()) != nil, "what JSON says within the limits has no encoding")
    }
}

/// A URI's text gives the same URI again.
enum URITarget {
    static func check(_ input: [UInt8]) {
        let text = String(decoding: input, as: UTF8.self)
        // Half of all inputs would end at the scheme.
        for text in [text, "ipc://" + text] {
            guard let uri = try? URI(text) else { continue }
            let again = try? URI(uri.href)
            require(again == uri, "\(uri.href) is read as \(String(describing: again?.href))")
            require(uri.href.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F || $0 == 0x20 }, "not ASCII: \(uri.href)")
        }
    }
}

/// The pairs of a query are those of the query that is made of them.
enum FormTarget {
    static func check(_ input: [UInt8]) {
        let pairs = FormURLEncoded.parse(input)
        for query in [FormURLEncoded.serialize(pairs), FormURLEncoded.serializeWithoutPlus(pairs)] {
            require(FormURLEncoded.parse(query).elementsEqual(pairs, by: ==), "\(query) has other pairs")
        }
    }
}

/// The headers of a text are those of the text that is made of them.
enum HeadersTarget {
    static func check(_ input: [UInt8]) {
        guard let headers = try? Headers.from(String(decoding: input, as: UTF8.self)) else { return }
        let again = try? Headers.from(headers.text)
        require(again == headers, "\(headers.text) has other headers: \(String(describing: again))")
        for (name, value) in headers {
            require(name == name.lowercased() && !value.contains("\n"), "'\(name): \(value)' is no header")
            require(headers.has(name), "\(name) cannot be found")
        }
    }
}

// SPDX-License-Identifier: Apache-2.0

import OroFrame
import Testing

@Suite struct ValueViewTests {
    @Test("a view of every member of 5 000 generated values equals the full decode")
    func lazyEqualsFull() throws {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<5_000 {
            let value = random.value()
            let bytes = try value.encoded()
            // Bytes have no padding that could leak.
            try expect(unsafe ValueView(bytes.span.bytes), shows: value)
        }
    }

    private func expect(_ view: borrowing ValueView, shows value: Value) throws {
        #expect(view.kind == value.kind)
        #expect(view.isNull == value.isNull)
        #expect(view.bool == value.bool)
        if value.kind == .int { #expect(view.int == value.int) }
        if value.kind == .int || value.kind == .double {
            let same = view.double == value.double || value.double?.isNaN == true
            #expect(same)
        }
        #expect(view.string == value.string)
        if let text = value.string {
            let same = view.isString(text)
            #expect(same)
        }
        #expect(try view.decode() == value)
        if let elements = value.array {
            #expect(view.count == elements.count)
            for (index, element) in elements.enumerated() {
                guard let child = try view.element(index) else {
                    Issue.record("element \(index) is missing")
                    return
                }
                try expect(child, shows: element)
            }
            #expect(try view.element(elements.count)?.kind == nil)
            #expect(try view.element(-1)?.kind == nil)
        }
        if let members = value.object {
            #expect(view.count == members.count)
            for (key, member) in members {
                guard let child = view[key] else {
                    Issue.record("member \(key) is missing")
                    return
                }
                try expect(child, shows: member)
            }
            #expect(view["no such name"]?.kind == nil)
        }
    }

    @Test("iteration visits members in order, with their names")
    func iteration() throws {
        let value: Value = ["b": 1, "a": [true, "x"]]
        let bytes = try value.encoded()
        // Bytes have no padding that could leak.
        let view = try unsafe ValueView(bytes.span.bytes)
        var names: [String] = []
        try view.forEachMember { (name, _) throws(FrameError) in names.append(name.string ?? "?") }
        #expect(names == ["b", "a"])
        var kinds: [ValueKind] = []
        try view["a"]?.forEachElement { (element) throws(FrameError) in kinds.append(element.kind) }
        #expect(kinds == [.bool, .string])
        try view.forEachElement { (_) throws(FrameError) in Issue.record("an object has no elements") }
    }

    @Test("the bytes of a text and of bytes are seen in place")
    func rawBytes() throws {
        let bytes = try Value.array(["hé", .bytes([1, 2, 3]), 4]).encoded()
        // Bytes have no padding that could leak.
        let view = try unsafe ValueView(bytes.span.bytes)
        #expect(view[0]?.count == 3)
        #expect(view[0]?.rawBytes?.byteCount == 3)
        #expect(view[1]?.rawBytes?.byteCount == 3)
        #expect(view[2]?.rawBytes?.byteCount == nil)
        #expect(view[0]?.isString("hé") == true)
        #expect(view[0]?.isString("he") == false)
        #expect(view[1]?.isString("\u{1}\u{2}\u{3}") == false)
    }

    @Test("a damaged sibling does not hide the member before it, and is found when reached")
    func damagedSibling() throws {
        // {"a": 1, "b": <reserved tag>}
        let bytes: [UInt8] = [0xDC, 0x06, 0x02, 0x81, 0x61, 0x01, 0x81, 0x62, 0xFF]
        // Bytes have no padding that could leak.
        let view = try unsafe ValueView(bytes.span.bytes)
        #expect(view["a"]?.int == 1)
        #expect(view["b"]?.kind == nil)
        #expect(throws: FrameError.unknownTag(0xFF, offset: 8)) { _ = try Value(encoded: bytes) }
        do {
            _ = try view.member("b")
            Issue.record("a reserved tag was accepted")
        } catch {
            #expect(error == .unknownTag(0xFF, offset: 8))
        }
    }

    @Test("100 000 looks into mutated values never trap")
    func mutatedLooks() throws {
        var random = SeededGenerator(seed: 8)
        for _ in 0..<10_000 {
            let original = try random.value(depth: 3).encoded()
            for _ in 0..<10 {
                let bytes = random.mutation(of: original)
                // Bytes have no padding that could leak.
                guard let view = try? unsafe ValueView(bytes.span.bytes) else { continue }
                look(view, depth: 0)
            }
        }
    }

    private func look(_ view: borrowing ValueView, depth: Int) {
        _ = (view.int, view.double, view.bool, view.string, view.count, view.rawBytes?.byteCount)
        _ = view["a"]?.string
        _ = view[1]?.int
        guard depth < 8 else { return }
        try? view.forEachElement { (element) throws(FrameError) in look(element, depth: depth + 1) }
        try? view.forEachMember { (name, member) throws(FrameError) in
            _ = name.string
            look(member, depth: depth + 1)
        }
    }
}

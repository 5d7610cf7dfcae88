// SPDX-License-Identifier: Apache-2.0

import OroFrame
import Testing

@Suite struct GoldenVectorTests {
    @Test("the document has its tables")
    func tablesAreFound() {
        #expect(GoldenVector.table("Values").count >= 40)
        #expect(GoldenVector.table("Frames").count >= 8)
        #expect(GoldenVector.table("Refused values").count >= 20)
        #expect(GoldenVector.table("Refused frames").count >= 25)
    }

    @Test(
        "a documented value encodes to the documented bytes and back", arguments: GoldenVector.table("Values")
    )
    func value(_ vector: GoldenVector) throws {
        let value = try Value(meaning: vector.meaning)
        #expect(try value.encoded() == vector.bytes)
        let decoded = try Value(encoded: vector.bytes)
        #expect(decoded == value)
        #expect(try decoded.encoded() == vector.bytes)
    }

    @Test(
        "a documented frame encodes to the documented bytes and back", arguments: GoldenVector.table("Frames")
    )
    func frame(_ vector: GoldenVector) throws {
        let (frame, payload) = try Frame.from(meaning: vector.meaning)
        #expect(try frame.encoded(payload: payload) == vector.bytes)
        let (decoded, decodedPayload) = try Frame.decoded(vector.bytes)
        #expect(decodedPayload == payload)
        #expect(try decoded.encoded(payload: decodedPayload) == vector.bytes)
        #expect(decoded.value == frame.value)
        #expect(decoded.seq == frame.seq)
    }

    @Test(
        "documented junk is refused with the documented error",
        arguments: GoldenVector.table("Refused values"))
    func refusedValue(_ vector: GoldenVector) {
        let error = #expect(throws: FrameError.self) { try Value(encoded: vector.bytes) }
        #expect(error?.description == vector.meaning)
    }

    @Test("a documented bad frame is refused with its error", arguments: GoldenVector.table("Refused frames"))
    func refusedFrame(_ vector: GoldenVector) {
        let error = #expect(throws: FrameError.self) { _ = try Frame.decoded(vector.bytes) }
        #expect(error?.description == vector.meaning)
    }
}

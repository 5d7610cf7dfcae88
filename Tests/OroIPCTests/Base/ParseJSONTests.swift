// SPDX-License-Identifier: Apache-2.0

import OroFrame
import OroIPC
import Testing

// The table of the behaviour's section 2.2. Of JavaScript's conversions of other things to text before they are parsed
// ("undefined", "[object Object]", "1,2,3") nothing is left in Swift, where the argument is a text. Integers are exact,
// where JavaScript rounds them to a double.
@Suite("parseJSON")
struct ParseJSONTests {
    struct Row: CustomTestStringConvertible, Sendable {
        let text: String
        let value: Value?
        var testDescription: String { text }

        init(_ text: String, _ value: Value?) {
            self.text = text
            self.value = value
        }
    }

    static let rows = [
        Row("null", .null), Row("true", true), Row("false", false), Row("0", 0), Row("-0", .double(-0.0)),
        Row("\"\"", ""),
        Row("", nil), Row("01", nil), Row("NaN", nil), Row("undefined", nil), Row("'a'", nil),
        Row(" 1 ", 1),
        Row("9007199254740993", 9_007_199_254_740_993),
        Row("12345678901234567890", .bigint("12345678901234567890")),
        Row(#"{"data":"a\nb"}"#, ["data": "a\nb"]),
        Row(#""\u0041""#, "A"),
        Row(#"{"data":"a\nb\"c"}"#, ["data": "a\nb\"c"]),
        Row(#""C:\Users""#, #"C:\Users"#),
        // A backslash behind another is not doubled: here three stand in front of the s.
        Row(#""\\server\x""#, nil),
        Row(#""\"#, nil), Row(#"\"#, nil), Row(#"{"a":"\q"}"#, ["a": #"\q"#]),
    ]

    @Test("a text is what it says as JSON, or nothing", arguments: rows)
    func table(row: Row) { #expect(parseJSON(row.text) == row.value) }

    @Test("the sign of a zero that is no integer is kept")
    func negativeZero() { #expect(parseJSON("-0")?.double?.sign == .minus) }
}

// SPDX-License-Identifier: Apache-2.0

import OroIPC
import OroTool

/// Prints a result: for people, or as one line of JSON.
struct ResultOutput {
    var json: Bool
    /// Where the bytes go instead of standard output.
    var file: String?

    /// Prints, and throws exit code 1 when the result is an error.
    func print(_ result: Result) throws {
        if let file, result.isOK {
            let bytes = result.bytes ?? Bytes([])
            // The buffer is valid until the closure returns.
            try unsafe bytes.withUnsafeBytes { try unsafe WholeFile.write($0, to: file) }
        }
        if json {
            StandardStream.output.line(value(result).json())
            if !result.isOK { throw ToolError(.failed) }
            return
        }
        if let error = result.err { throw ToolError(.failed, String(showing: ResultOutput.describe(error))) }
        if let data = result.data { StandardStream.output.line(ResultOutput.readable(data)) }
        if file == nil, let bytes = result.bytes { try show(bytes) }
    }

    /// Bytes go out as they are, but not to a terminal that they could upset.
    private func show(_ bytes: Bytes) throws {
        if StandardStream.output.isTerminal {
            let isHarmless = [UInt8](bytes).allSatisfy { $0 >= 0x20 && $0 != 0x7F || [0x09, 0x0A, 0x0D].contains($0) }
            guard isHarmless, let text = bytes.utf8String else {
                let size = Units.count(bytes.count)
                return StandardStream.output.line("\(size) bytes, not a text; --out FILE keeps them")
            }
            return StandardStream.output.write(text.hasSuffix("\n") ? text : text + "\n")
        }
        // Valid until the closure returns.
        unsafe bytes.withUnsafeBytes { unsafe StandardStream.output.write($0) }
    }

    private func value(_ result: Result) -> Value {
        var object: Value = [
            "err": result.err.map(ResultOutput.value) ?? .null, "data": result.data ?? .null,
            "source": result.source.map { .string($0) } ?? .null,
        ]
        if let bytes = result.bytes, file == nil { object.set("bytes", .bytes([UInt8](bytes))) }
        if let file { object.set("file", .string(file)) }
        return object
    }

    private static func value(_ error: IPCError) -> Value {
        var object: Value = [
            "name": .string(error.name), "message": .string(error.message), "code": error.code ?? "",
        ]
        for (key, value) in error.extra.sorted(by: { $0.key < $1.key }) where object[key] == nil {
            object.set(key, value)
        }
        return object
    }

    /// `NotFoundError: Not found (NOT_FOUND_ERR, url: ipc://x)`.
    static func describe(_ error: IPCError) -> String {
        let extra = error.extra.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.string ?? $0.value.json())" }
        let more = ((error.code.map { [$0.string ?? $0.json()] } ?? []) + extra).joined(separator: ", ")
        return more.isEmpty ? error.description : "\(error) (\(more))"
    }

    /// A text as it is, everything else as JSON with a line for each member or element.
    static func readable(_ value: Value) -> String {
        if let text = value.string {
            return StandardStream.output.isTerminal ? String(showing: text) : text
        }
        return indented(value, "")
    }

    private static func indented(_ value: Value, _ margin: String) -> String {
        let inner = margin + "  "
        switch value {
        case .object(let members) where !members.isEmpty:
            if members.values.allSatisfy({ $0.array == nil && $0.object == nil }), members.count <= 3 { break }
            let lines = members.map { "\(inner)\(Value.string($0.key).json()): \(indented($0.value, inner))" }
            return "{\n\(lines.joined(separator: ",\n"))\n\(margin)}"
        case .array(let elements) where !elements.isEmpty:
            return "[\n\(elements.map { inner + indented($0, inner) }.joined(separator: ",\n"))\n\(margin)]"
        default: break
        }
        return value.json()
    }
}

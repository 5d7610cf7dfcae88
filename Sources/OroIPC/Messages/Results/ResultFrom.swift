// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame

// `Result.from` of the module: results out of whatever somebody has.
extension Result {
    /// A result of `value`, or of an error.
    ///
    /// An object that has `data` or `err` is an envelope: `{err?, data?, source?, id?, headers?}`. Any other value is
    /// the data itself. An error excludes data. `err`, `source` and `headers` count where the envelope has none of its
    /// own. Headers that none can have are a `TypeError` of the result.
    public static func from(
        _ value: Value?, err: (any Error)? = nil, source: String? = nil, headers: Headers? = nil
    ) -> Result {
        var result: Result
        if let envelope = value?.object, envelope["data"] != nil || envelope["err"] != nil {
            result = Result(
                id: envelope["id"].flatMap(idText), err: maybeMakeError(envelope["err"]), data: envelope["data"],
                source: envelope["source"]?.string)
            switch envelope["headers"] {
            case let own? where own.isTruthy:
                do throws(IPCError) { result.headers = try Headers.from(own) } catch { result.err = error }
            default: break
            }
        } else {
            result = Result(data: value)
        }
        result = from(result, err: err, source: source, headers: headers)
        if result.err != nil { result.data = nil }
        return result
    }

    /// The same with an error that is a value. A text is no error when there is no `source`: it is the source then.
    public static func from(
        _ value: Value?, err: Value, source: String? = nil, headers: Headers? = nil
    ) -> Result {
        if source?.isEmpty ?? true, let name = err.string { return from(value, source: name, headers: headers) }
        return from(value, err: maybeMakeError(err), source: source, headers: headers)
    }

    /// An error as a result, which no other `err` can change.
    public static func from(
        _ error: any Error, err: (any Error)? = nil, source: String? = nil, headers: Headers? = nil
    ) -> Result {
        from(Result(catching: error), err: err, source: source, headers: headers)
    }

    /// The result itself, with what it does not have.
    public static func from(
        _ result: Result, err: (any Error)? = nil, source: String? = nil, headers: Headers? = nil
    ) -> Result {
        var result = result
        if result.source?.isEmpty ?? true, let source, !source.isEmpty { result.source = source }
        if result.err == nil, let error = maybeMakeError(err) { result.err = error }
        if result.headers == nil, let headers { result.headers = headers }
        return result
    }

    private static func idText(_ id: Value) -> String? {
        // `Optional.none`: a bare nil would be the value null.
        id.isTruthy ? id.string ?? id.json() : Optional.none
    }
}

// As a tuple, a sequence, and JSON.
extension Result: Sequence {
    /// Error, data, source and headers.
    public var tuple: (err: IPCError?, data: Value?, source: String?, headers: Headers?) {
        (err, data, source, headers)
    }

    /// Error, data, source and headers as values, `null` for what is not there. The error and the headers are as in
    /// ``json``.
    public subscript(index: Int) -> Value {
        switch index {
        case 0: err?.json ?? .null
        case 1: data ?? .null
        case 2: source.map { .string($0) } ?? .null
        case 3: headers?.json ?? .null
        default: preconditionFailure("a result has elements 0 to 3, not \(index)")
        }
    }

    /// How many elements there are: always 4.
    public var length: Int { 4 }

    public var underestimatedCount: Int { length }

    /// The elements 0 to 3.
    public func makeIterator() -> IndexingIterator<[Value]> { (0..<length).map { self[$0] }.makeIterator() }

    /// `{headers, source, data, err}`, `null` for what is not there. The id and the bytes are not part of it.
    public var json: Value { ["headers": self[3], "source": self[2], "data": self[1], "err": self[0]] }
}

// And the other way.
extension Headers {
    /// The headers of a result; none when it has none.
    public static func from(_ result: Result) -> Headers { result.headers ?? Headers() }
}

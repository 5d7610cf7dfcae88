// SPDX-License-Identifier: Apache-2.0

import OroBase

extension Result {
    /// Success, with anything `Encodable`. With ``WithBytes`` and ``Bytes`` the payload, too. Throws as
    /// ``Message/decode(_:)``, where the value is over a limit.
    public init(encoding value: some Encodable) throws(IPCError) {
        let content = try TypedContent(value, "the result")
        self.init(bytes: content.bytes)
        if let encoded = content.encoded { self.content = Content(encoded) }
    }

    /// The data as `type`; of a result that was received, decoded in place. No data is read as `null`. With
    /// ``WithBytes`` and ``Bytes`` the payload, too.
    ///
    /// Throws the error where the request has failed; a `TypeError` that says where the data is not of that type, or an
    /// `EncodingError` when it is no value.
    public func decode<T: Decodable>(_ type: T.Type) throws(IPCError) -> T {
        if let frame = content?.frame, !frame.header.flags.contains(.failed) {
            return try TypedContent.decode(type, from: frame, bytes: bytes, what)
        }
        if let err { throw err }
        return try TypedContent.decode(type, from: data, bytes: bytes, what)
    }

    private var what: String { source.map { "the result of '\($0)'" } ?? "the result" }
}

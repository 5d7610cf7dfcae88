// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroURI

/// What a message says that was made or changed in this process, instead of a frame. It belongs to one
/// ``FrameStorage``.
final class MadeMessage {
    /// Where its name comes from.
    enum Origin {
        /// A name that needs no encoding: there is no URI yet.
        case name(String)
        /// A URI; what it says as its query counts no more.
        case uri(URI)
    }

    let origin: Origin
    /// `nil` without a query: no value was given.
    var parameters: Parameters?
    /// The parameters are one, `value`, which stands in a frame as it is and not in an object.
    var isBare = false
    /// The query as it was written, as long as it says what `parameters` do.
    var query: String?
    var payload: Bytes?
    var headers = Headers()
    /// The number and the window of the request that this was, where it came over a link.
    var seq: Seq?

    init(_ origin: Origin) { self.origin = origin }

    init(_ uri: URI) {
        origin = .uri(uri)
        query = uri.query
        parameters = uri.query.map { Parameters(query: $0) }
    }

    init(_ other: MadeMessage) {
        origin = other.origin
        parameters = other.parameters
        isBare = other.isBare
        query = other.query
        payload = other.payload
        headers = other.headers
        seq = other.seq
    }

    var name: String {
        switch origin {
        case .name(let name): name
        case .uri(let uri): MadeMessage.name(of: uri)
        }
    }

    /// The host, or the path without the slashes it starts with.
    static func name(of uri: URI) -> String {
        if let host = uri.host, !host.isEmpty { return host }
        return String(uri.pathname.drop { $0 == "/" })
    }

    /// The value of a frame.
    var whole: Value? {
        guard let parameters else { return nil }
        return isBare ? parameters.pairs.first?.value : parameters.object
    }

    func setWhole(_ value: Value?) {
        parameters = value.map { Parameters(whole: $0) }
        isBare = value != nil && value?.kind != .object
        query = nil
    }

    /// Changes the parameters; the text of a query that was there does not count any more.
    func change<R>(_ body: (inout Parameters) -> R) -> R {
        var changed = parameters ?? Parameters()
        let result = body(&changed)
        // A query that nothing is left of is none.
        parameters = changed.pairs.isEmpty ? nil : changed
        isBare = false
        query = nil
        return result
    }
}

extension FrameStorage {
    /// The header says of a made message what it would say of its frame: whether it has a value, and that its payload
    /// lies elsewhere. So who asks a received message for these never has to ask which of the two it is.
    func describe(_ made: MadeMessage) {
        unsafe fields.pointee.header.valueBytes = made.parameters == nil ? 0 : 1
        unsafe fields.pointee.header.payloadBytes = made.payload == nil ? 0 : 1
        if made.payload == nil {
            unsafe fields.pointee.header.flags.remove(.lent)
        } else {
            unsafe fields.pointee.header.flags.insert(.lent)
        }
    }

    /// What it says, where it was made here.
    var made: MadeMessage? { unsafe fields.pointee.made }

    @usableFromInline var madeName: String { made?.name ?? "" }

    /// The number of a received request.
    var seq: Seq { (try? view.seq()) ?? Seq(header.seq) }

    /// The parameters; `nil` when there is no value.
    func parameters() throws(FrameError) -> Parameters? {
        if let made { return made.parameters }
        if header.valueBytes == 0 { return nil }
        if header.flags.contains(.pairs) { return Parameters(try view.pairs()) }
        guard let value = try view.value()?.decode() else { return nil }
        return Parameters(whole: value)
    }

    /// The value as it was sent. Of parameters with one name the last counts.
    func whole() throws(FrameError) -> Value? {
        if let made { return made.whole }
        if header.valueBytes == 0 { return nil }
        if header.flags.contains(.pairs) { return Parameters(try view.pairs()).object }
        return try view.value()?.decode()
    }
}

extension Message {
    /// A message of this process's own, whose name needs no encoding.
    init(name: String, wholeValue: Value? = nil, bytes: Bytes? = nil) {
        let made = MadeMessage(.name(name))
        made.setWhole(wholeValue)
        made.payload = bytes
        self.init(FrameStorage(made))
    }

    init(_ uri: URI) { self.init(FrameStorage(MadeMessage(uri))) }

    /// Changes what this message says, and no other that shares it.
    mutating func change<R>(_ body: (MadeMessage) -> R) -> R {
        if let made = storage.made, isKnownUniquelyReferenced(&storage) {
            defer { storage.describe(made) }
            return body(made)
        }
        let made: MadeMessage
        if let other = storage.made {
            made = MadeMessage(other)
        } else {
            made = MadeMessage(.name(name))
            made.setWhole(wholeValue)
            if let parameters = try? storage.parameters() { made.parameters = parameters }
            made.payload = bytes
            made.headers = headers
            made.seq = storage.seq
        }
        let result = body(made)
        storage = FrameStorage(made, from: storage)
        return result
    }
}

// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame

// How buffers and ports travel in a text: as objects with a member `__type__`. Messages of ports need none of this,
// they carry both as they are; it is for what goes another way, such as the routes `broadcast_channel.*`, and for peers
// that expect it.

/// Something in a value that is handed over with it rather than written into it.
public enum IPCTransfer: Sendable {
    /// All the bytes of a buffer.
    case bytes(Bytes)
    case port(IPCMessagePort)

    /// The bytes, if it is these.
    public var bytes: Bytes? { if case .bytes(let bytes) = self { bytes } else { nil } }
    /// The port, if it is one.
    public var port: IPCMessagePort? { if case .port(let port) = self { port } else { nil } }

    /// What it is one thing by: a port itself, bytes by where they lie.
    fileprivate enum Identity: Hashable {
        case bytes(UInt, Int)
        case port(ObjectIdentifier)
    }

    fileprivate var identity: Identity {
        switch self {
        // Only compared.
        case .bytes(let bytes): unsafe .bytes(UInt(bitPattern: bytes.base), bytes.count)
        case .port(let port): .port(ObjectIdentifier(port))
        }
    }
}

/// `object` with each buffer in it, and each view of one, replaced by `{"__type__": "Buffer", "data": …}`: its bytes,
/// those that the view shows, in base64. Buffers and ports it has are added to `transfers`, in order and once each.
///
/// Looked at are arrays and plain objects, depth first and also in cycles; what is in maps, sets and errors stays as it
/// is. Ports stay, too. `object` itself is not changed. O(n) for n things and the bytes that are shown: views of one
/// buffer show its bytes once each.
public func findIPCMessageTransfers(
    _ transfers: inout [IPCTransfer], _ object: StructuredValue
) -> StructuredValue {
    var found = transfers
    var known = Set(found.lazy.map(\.identity))
    func add(_ transfer: IPCTransfer) {
        if known.insert(transfer.identity).inserted { found.append(transfer) }
    }
    defer { transfers = found }
    return object.replacing { part in
        switch part.node {
        case .port(let index):
            add(.port(part.ports[index]))
            return nil
        case .buffer, .inlineBuffer, .view:
            guard let bytes = part.bytes else { return nil }
            add(.bytes(part.wholeBuffer ?? bytes))
            return ["__type__": "Buffer", "data": .string(Base64.text([UInt8](bytes)))]
        default: return nil
        }
    }
}

/// `object` with each object in it that has a member `__type__` replaced by what that names: `Buffer` by a Node
/// `Buffer` of the bytes in `data`, `IPCMessagePort` by the port of this process with that `id`
/// (``IPCMessagePort/create(id:)``), and what is in `types` by what that function makes of the object. `types` comes
/// first.
///
/// An object that says too little, or of a type nobody knows, stays as it is. Looked at are arrays and plain objects,
/// also in cycles; what an object was replaced by is not looked at again. `object` itself is not changed. O(n).
///
/// An `id` is only a name. In what another process has said it names a port of this one, which that process need not
/// have been given: there use the ports a message came with.
public func inflateIPCMessageTransfers(
    _ object: StructuredValue, _ types: [String: (StructuredValue) -> StructuredValue] = [:]
) -> StructuredValue {
    let types = Dictionary(types.map { (TextKey($0.key), $0.value) }) { first, _ in first }
    return object.replacing { part in
        guard let type = part["__type__"]?.string else { return nil }
        if let make = types[type] { return make(part) }
        if TextKey.areSame(type, "IPCMessagePort"), let id = part["id"]?.transferID { return .port(.create(id: id)) }
        return part.taggedBuffer
    }
}

extension StructuredValue {
    /// The same without ports: for what another process has said.
    func inflatingBuffers() -> StructuredValue { replacing(\.taggedBuffer) }

    /// The buffer that an object of the type `Buffer` stands for.
    fileprivate var taggedBuffer: StructuredValue? {
        guard let type = self["__type__"]?.string, TextKey.areSame(type, "Buffer"), let text = self["data"]?.string
        else { return nil }
        return .view(.nodeBuffer, of: Bytes(Base64.bytes(text)))
    }

    /// An id that is there: not empty, and not 0.
    fileprivate var transferID: String? {
        if let text = string { return text.isEmpty ? nil : text }
        guard let number = bigint, number != 0 else { return int.flatMap { $0 == 0 ? nil : "\($0)" } }
        return number.decimalText
    }

    /// All of the buffer that this is, or that this view shows a part of.
    fileprivate var wholeBuffer: Bytes? {
        if case .view(_, let buffer, _, _) = node { part(buffer).bytes } else { bytes }
    }

    /// The same value, in which what `replacement` answers for has been replaced. Asked is the value, and for
    /// everything it does not replace the elements and members, depth first and in order, for each thing once. Not by
    /// recursion: a value made in this process may be of any depth.
    fileprivate func replacing(_ replacement: (StructuredValue) -> StructuredValue?) -> StructuredValue {
        var builder = StructuredBuilder(self)
        var replaced: [StructuredGraph.Reference: StructuredGraph.Reference] = [:]
        var seen: Set<StructuredGraph.Reference> = []
        var containers: [StructuredGraph.Reference] = []
        var rest = [root]
        while let next = rest.popLast() {
            guard seen.insert(next).inserted else { continue }
            if let value = replacement(part(next)) {
                replaced[next] = builder.add(value)
                continue
            }
            switch graph[next] {
            case .array(let elements): rest.append(contentsOf: elements.reversed().compactMap { $0 })
            case .object(let members): rest.append(contentsOf: members.values.reversed())
            default: continue
            }
            containers.append(next)
        }
        if replaced.isEmpty { return self }
        for container in containers {
            switch graph[container] {
            case .array(let elements):
                builder[container] = .array(elements.map { $0.map { replaced[$0] ?? $0 } })
            case .object(let members): builder[container] = .object(members.mapValues { replaced[$0] ?? $0 })
            default: break
            }
        }
        return builder.finish(replaced[root] ?? root)
    }
}

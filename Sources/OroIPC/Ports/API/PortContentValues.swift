// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import OroPorts

// What messages of ports say, as values.

extension PortContent {
    /// UNTRUSTED: the value, whose ports are `ports`, once.
    func decode(ports: [IPCMessagePort]) throws(IPCError) -> StructuredValue {
        let buffers = allBuffers
        do {
            if let graph = try shortGraph(buffers) {
                return StructuredValue(graph: graph, root: .init(0), held: buffers, ports: ports)
            }
            let value: Value
            switch form {
            case .value(let content): value = content
            case .encoded(let content): value = try content.decode()
            case .short(let content): value = try content.encoded.decode()
            case .frame(let storage): value = try storage.view.value()?.decode() ?? .null
            }
            let descriptors = descriptors?.list ?? []
            let (graph, root) = try StructuredGraph.decode(
                value, buffers: buffers.map(\.count), ports: ports.count, descriptors: descriptors.count)
            return StructuredValue(
                graph: graph, root: root, held: buffers, ports: ports,
                descriptors: descriptors.map { IPCFileDescriptor($0) })
        } catch {
            throw IPCError(name: "DataCloneError", message: "\(error)", code: "DATA_CLONE_ERR")
        }
    }

    /// UNTRUSTED: the same of one small thing, for which nothing is allocated; `nil`: it is none.
    private func shortGraph(_ buffers: BytesList) throws(FrameError) -> StructuredGraph? {
        let buffer = buffers.count == 1 ? buffers[0].count : nil
        switch form {
        case .frame(let storage):
            let view = try storage.view
            return StructuredGraph.decode(short: view.bytes.extracting(view.layout.value), buffer: buffer)
        case .short(let content): return content.graph(buffer: buffer)
        case .value, .encoded: return nil
        }
    }

    /// Encodes a value that is one small thing, where nothing can fail; `nil`: it is none.
    init?(short value: StructuredValue) {
        guard let short = ShortStructured(value.graph, from: value.root), !short.namesBuffer || value.held.count == 1
        else { return nil }
        self.init(form: .short(short), buffers: short.namesBuffer ? value.held : .none)
    }

    /// Encodes a value; `transfer` are the ports that go along, in their order.
    init(_ value: StructuredValue, transfer: [IPCMessagePort]) throws(IPCError) {
        if let short = PortContent(short: value) {
            self = short
            return
        }
        let buffers = value.held
        // Small ones stand in the value, unless there is just one; a frame's payload is never empty.
        let most = buffers.count > 1 ? PortContent.smallBuffer : 0
        let encoding: StructuredEncoding
        var going: [PassedDescriptor] = []
        do throws(StructuredError) {
            encoding = try value.graph.encoded(
                from: value.root,
                inline: { index in
                    buffers[index].count <= most ? [UInt8](buffers[index]) : nil
                },
                port: { index in transfer.firstIndex { $0 === value.ports[index] } },
                descriptor: { index in
                    guard value.descriptors.indices.contains(index) else { return nil }
                    going.append(value.descriptors[index].passed)
                    return going.count - 1
                })
        } catch {
            throw IPCError(name: "DataCloneError", message: "\(error)", code: "DATA_CLONE_ERR")
        }
        self.init(form: .value(encoding.value), buffers: encoding.buffers.map { buffers[$0] })
        guard self.buffers.count <= PortLimits.buffers else {
            throw IPCError(
                name: "DataCloneError",
                message: "\(self.buffers.count) buffers of more than \(PortContent.smallBuffer) bytes in one message; "
                    + "at most \(PortLimits.buffers)", code: "DATA_CLONE_ERR")
        }
        if going.isEmpty { return }
        guard going.count <= PortLimits.descriptors else {
            throw .dataClone("\(going.count) file descriptors with one message; at most \(PortLimits.descriptors)")
        }
        descriptors = TransferredDescriptors(going)
    }
}

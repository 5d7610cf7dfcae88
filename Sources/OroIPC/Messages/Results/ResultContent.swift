// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink
import Synchronization

extension Result {
    /// What a result has besides bytes and source.
    @usableFromInline
    final class Content: Sendable {
        /// As it came, or was encoded; what has been looked at is known.
        private enum Form: Sendable {
            case known(IPCError?, Value?)
            case frame(FrameStorage)
            case encoded(EncodedValue)
        }

        private let form: Locked<Form>
        /// 0: not looked at; 1: what was received can be decoded; 2: it cannot.
        private let verdict = Atomic<UInt8>(0)
        let headers: Headers?
        /// Where somebody has said what it is.
        let id: String?
        /// Ports that came with it, which are no business of messages: see ``Result/ports``.
        let ports: [any AnyObject & Sendable]

        private init(_ form: Form, _ headers: Headers?, _ id: String?, _ ports: [any AnyObject & Sendable] = []) {
            self.form = Locked(form)
            self.headers = headers
            self.id = id
            self.ports = ports
        }

        /// Error and data, with what else `other` has; `nil` when that is nothing.
        convenience init?(_ error: IPCError?, _ data: Value?, like other: Content?) {
            let ports = other?.ports ?? []
            if error == nil && data == nil && other?.headers == nil && other?.id == nil && ports.isEmpty { return nil }
            self.init(.known(error, data), other?.headers, other?.id, ports)
        }

        /// There is more than error and data.
        var hasExtras: Bool { headers != nil || id != nil || !ports.isEmpty }

        convenience init(data: Value) { self.init(.known(nil, data), nil, nil) }

        /// The error and data of `other` with these; `nil` when that is nothing.
        convenience init?(_ other: Content?, headers: Headers?, id: String?) {
            if other == nil && headers == nil && id == nil { return nil }
            self.init(other?.form.withLock { $0 } ?? .known(nil, nil), headers, id, other?.ports ?? [])
        }

        /// The same with ports.
        convenience init(_ other: Content?, ports: [any AnyObject & Sendable]) {
            self.init(other?.form.withLock { $0 } ?? .known(nil, nil), other?.headers, other?.id, ports)
        }

        convenience init(_ storage: FrameStorage, _ headers: Headers?) { self.init(.frame(storage), headers, nil) }

        convenience init(_ encoded: EncodedValue) { self.init(.encoded(encoded), nil, nil) }

        /// Encoded data, with what else `other` has.
        convenience init(_ encoded: EncodedValue, like other: Content?) {
            self.init(.encoded(encoded), other?.headers, other?.id, other?.ports ?? [])
        }

        /// Decoded at the first look. What cannot be decoded is an error.
        var known: (error: IPCError?, data: Value?) {
            form.withLock { form in
                if case .known(let error, let data) = form { return (error, data) }
                let (error, data) = Content.decode(form)
                form = .known(error, data)
                return (error, data)
            }
        }

        private static func decode(_ form: Form) -> (IPCError?, Value?) {
            do throws(FrameError) {
                switch form {
                case .known(let error, let data): return (error, data)
                case .encoded(let encoded): return (nil, try encoded.decode())
                case .frame(let storage):
                    let value = try storage.view.value()?.decode()
                    return storage.header.flags.contains(.failed) ? (IPCError(received: value), nil) : (nil, value)
                }
            } catch {
                return (IPCError(.encoding, "\(error)"), nil)
            }
        }

        /// The frame of a result that was received and not looked at.
        var frame: FrameStorage? {
            form.withLock { form in if case .frame(let storage) = form { storage } else { nil } }
        }

        /// Whether the value of a received frame, which is this result's, cannot be decoded. Looked at once.
        func isMalformed(_ storage: FrameStorage) -> Bool {
            if storage.header.valueBytes == 0 { return false }
            switch verdict.load(ordering: .relaxed) {
            case 1: return false
            case 2: return true
            default: break
            }
            var isMalformed = false
            do throws(FrameError) { try storage.view.value()?.check() } catch { isMalformed = true }
            verdict.store(isMalformed ? 2 : 1, ordering: .relaxed)
            return isMalformed
        }

        /// The value of a handler's result, where it was encoded before.
        var encoded: EncodedValue? {
            form.withLock { form in if case .encoded(let encoded) = form { encoded } else { nil } }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame
import OroLink

/// What happens around a call that asks for more than its result: looks into the cache, debug output, another shape.
/// Calls that do not, which are nearly all, never come here.
struct CallExtras {
    private let command: String
    private let verb: CallVerb
    private let type: ResponseType
    private let key: ResultCache.Key?

    /// The call asks for more.
    @inline(__always)
    static func areWanted(_ options: CallOptions?) -> Bool {
        CallDebug.isOn.load(ordering: .relaxed) || options?.isPlain == false
    }

    init(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, _ encoded: EncodedValue?,
        _ verb: CallVerb
    ) {
        self.command = command
        self.verb = verb
        type = options?.responseType ?? .any
        // What bytes and headers say is no part of a key.
        let isKept = options?.cache == true && options?.headers == nil && bytes == nil
        key = isKept ? ResultCache.Key(command, value, encoded) : nil
        CallDebug.log(
            "ipc.\(verb): \(command)", ["value": value.map { "\($0)" }, "bytes": bytes.map { "\($0.count)" }])
    }

    /// The result, if it is known already.
    func known(_ core: ClientCore) -> Result? {
        guard let key, let result = core.cache.withLock({ $0[key] }) else { return nil }
        CallDebug.log("ipc.\(verb): \(command) (cached)", [:])
        return result.shaped(type)
    }

    func finish(_ result: Result, _ core: ClientCore) -> Result {
        if let key { core.cache.withLock { $0.keep(result, for: key) } }
        CallDebug.log("ipc.\(verb): \(command) (resolved)", ["err": result.err.map { "\($0)" }, "id": result.id])
        return result.shaped(type)
    }
}

extension ClientCore {
    func callWithExtras(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, verb: CallVerb,
        encoded: EncodedValue?
    ) async -> Result {
        if link.isForeign { return Result(err: IPCError(.forked), source: command) }
        let extras = CallExtras(command, value, bytes, options, encoded, verb)
        if let known = extras.known(self) { return known }
        return extras.finish(
            await callPlainly(command, value, bytes, options, verb: verb, encoded: encoded), self)
    }

    func callSyncWithExtras(
        _ command: String, _ value: Value?, _ bytes: Bytes?, _ options: CallOptions?, encoded: EncodedValue?
    ) -> Result {
        if link.isForeign { return Result(err: IPCError(.forked), source: command) }
        let extras = CallExtras(command, value, bytes, options, encoded, .sendSync)
        if let known = extras.known(self) { return known }
        return extras.finish(callSyncPlainly(command, value, bytes, options, encoded: encoded), self)
    }
}

// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroBase
import OroFrame

/// What became of a request.
enum Outcome: Sendable {
    case frame(FrameStorage)
    case error(IPCError)
    /// Not from the host: ``Client/resolve(_:_:)`` in this process.
    case resolved(Value?)

    /// For ThreadSanitizer, which does not see that a task is resumed after its continuation was called.
    func handOver() {
        if case .frame(let storage) = self { unsafe oro_tsan_release(Unmanaged.passUnretained(storage).toOpaque()) }
    }

    func takeOver() {
        if case .frame(let storage) = self { unsafe oro_tsan_acquire(Unmanaged.passUnretained(storage).toOpaque()) }
    }
}

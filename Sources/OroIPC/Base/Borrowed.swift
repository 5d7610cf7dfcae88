// SPDX-License-Identifier: Apache-2.0

extension Unmanaged {
    /// Calls `body` with the object, without counting a reference. Somebody else must keep it alive meanwhile.
    @inline(__always)
    func borrowed<E: Error>(_ body: (Instance) throws(E) -> Void) throws(E) {
        let failure: E? = unsafe _withUnsafeGuaranteedRef { object in
            do throws(E) {
                try body(object)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }
}

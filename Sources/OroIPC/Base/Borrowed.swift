// SPDX-License-Identifier: Apache-2.0

extension Unmanaged {
    /// Calls `body` with the object, without counting a reference. Somebody else must keep it alive meanwhile.
    @inline(__always)
    func borrowed<R, E: Error>(_ body: (Instance) throws(E) -> R) throws(E) -> R {
        let outcome: Swift.Result<R, E> = unsafe _withUnsafeGuaranteedRef { object in
            do throws(E) {
                return .success(try body(object))
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }
}

// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroFrame

extension Client {
    /// As ``sendSync(_:_:bytes:options:)``, with a value that may be encoded already.
    @inline(__always)
    package func callSync(
        _ command: String, _ value: Value?, bytes: Bytes?, options: CallOptions?, encoded: EncodedValue?
    ) -> Result {
        callSync(command, value, bytes, options, encoded: encoded)
    }
}

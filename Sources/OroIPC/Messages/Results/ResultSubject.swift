// SPDX-License-Identifier: Apache-2.0

import OroBase

extension Result {
    /// The same result; an error that was made on this side says what it is about, and one that says how far the call
    /// came. What a host has sent is not decoded for that.
    func about(_ subject: CallSubject) -> Result {
        guard let content, content.frame == nil, let error = content.known.error else { return self }
        // A TimeoutError of the handler's is its own.
        if idSeed != 0 && error.delivery == nil { return self }
        var result = self
        result.err = error.about(subject)
        return result
    }
}

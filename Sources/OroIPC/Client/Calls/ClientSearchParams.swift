// SPDX-License-Identifier: Apache-2.0

import OroFrame

extension IPCSearchParams {
    /// The query of a request.
    ///
    /// - Parameters:
    ///   - params: An object's members are parameters; any other value is the one parameter `value`; `nil` is none.
    ///     Texts stay, bytes are read as UTF-8, everything else is written as JSON.
    ///   - nonce: A further parameter, unless it is `nil`, `null`, false, 0, NaN or empty.
    ///   - client: Whose next number becomes the parameter `seq` when `params` have none. `nil`: that of a count the
    ///     process keeps.
    ///
    /// The parameter `index` is 0, the client's only window, whatever `params` say.
    public init(_ params: Value? = nil, nonce: Value? = nil, client: Client? = nil) {
        self.init(params, nonce: nonce) { client?.core.takeSeq() ?? IPCSearchParams.nextSeq() }
    }
}

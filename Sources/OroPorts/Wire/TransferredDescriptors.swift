// SPDX-License-Identifier: Apache-2.0

import OroLink

/// The descriptors that go along with one message, as long as anybody has that.
package final class TransferredDescriptors: Sendable {
    package let list: [PassedDescriptor]
    private let atEnd: (@Sendable ([PassedDescriptor]) -> Void)?

    package init(_ list: [PassedDescriptor], atEnd: (@Sendable ([PassedDescriptor]) -> Void)? = nil) {
        self.list = list
        self.atEnd = atEnd
    }

    deinit { atEnd?(list) }
}

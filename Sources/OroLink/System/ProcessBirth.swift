// SPDX-License-Identifier: Apache-2.0

import CSupport

/// The process in which something was made. A forked child has a copy of it that must not be used: see `oro_fork.h`.
package struct ProcessBirth: Sendable {
    private let generation = oro_generation()

    package init() {}

    /// This process was forked from the one it was made in.
    package var isForeign: Bool { generation != oro_generation() }
}

// SPDX-License-Identifier: Apache-2.0

import OroIPC

// Foundation has types of these names, too.
typealias Host = OroIPC.Host
typealias Result = OroIPC.Result

// SPDX-License-Identifier: Apache-2.0

import OroBase
import OroPorts

// What users of `import OroIPC` see of the modules below it.
@_exported import class OroBase.AbortController
@_exported import class OroBase.AbortSignal
@_exported import struct OroBase.Bytes
@_exported import enum OroBase.Errno
@_exported import struct OroBase.IPCError
@_exported import func OroBase.maybeMakeError
@_exported import struct OroFrame.FrameLimits
@_exported import enum OroFrame.FrameError
@_exported import enum OroFrame.StructuredError
@_exported import struct OroFrame.StructuredGraph
@_exported import struct OroFrame.Seq
@_exported import enum OroFrame.SeqError
@_exported import enum OroFrame.Value
@_exported import struct OroFrame.NamedValues
@_exported import enum OroFrame.ValueKind
@_exported import struct OroFrame.ValueDecoder
@_exported import struct OroFrame.ValueEncoder
@_exported import struct OroFrame.ValueView
@_exported import enum OroLink.DescriptorKind
@_exported import enum OroLink.IdlePolicy
@_exported import enum OroLink.LinkError
@_exported import struct OroLink.LinkLimits
@_exported import struct OroLink.PeerIdentity
@_exported import class OroLink.ReactorExecutor
@_exported import class OroLink.ReactorSerialExecutor
@_exported import enum OroLink.Refusal
@_exported import enum OroLink.WakeBackend
@_exported import enum OroPorts.BroadcastKeeping
@_exported import struct OroPorts.PortClient
@_exported import struct OroPorts.PortOptions

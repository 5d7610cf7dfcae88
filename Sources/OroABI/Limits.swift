// SPDX-License-Identifier: Apache-2.0

import COroIPC
import Logging
import OroIPC

// What the options of hosts and clients have in common.

extension LinkLimits {
    /// Puts what C wants in place of the defaults.
    mutating func set(_ wanted: oroipc_limits) throws(Failure) {
        ringBytes = try choice(wanted.ring_bytes, ringBytes, "ring_bytes")
        rings = try choice(wanted.rings, rings, "rings")
        loans = try choice(wanted.loans, loans, "loans")
        messageBytes = try choice(wanted.message_bytes, messageBytes, "message_bytes")
        payloadBytes = try choice(wanted.payload_bytes, payloadBytes, "payload_bytes")
        loanBytes = try choice(wanted.loan_bytes, loanBytes, "loan_bytes")
        keptBytes = try choice(wanted.kept_bytes, keptBytes, "kept_bytes")
        memories = try choice(wanted.memories, memories, "memories")
        hugePages = wanted.huge_pages != 0
    }
}

/// The number C wants, or the default for 0.
func choice(_ wanted: some BinaryInteger, _ usual: Int, _ what: String) throws(Failure) -> Int {
    if wanted == 0 { return usual }
    guard let count = Int(exactly: wanted) else { throw .invalid("'\(what)' is \(wanted), which is too large") }
    return count
}

/// Where an older program's struct is shorter than ours, the rest is as if it were zero.
///
/// `size` is the struct's own first member.
func whole<Struct>(_ pointer: UnsafePointer<Struct>, _ what: String, _ zero: Struct) throws(Failure) -> Struct {
    // Every such struct starts with its size.
    let size = unsafe UnsafeRawPointer(pointer).load(as: Int.self)
    guard size >= MemoryLayout<Int>.size, size <= 1 << 16 else {
        throw .invalid("'\(what).size' is \(size): prepare the struct with its _INIT macro")
    }
    if size >= MemoryLayout<Struct>.size { return unsafe pointer.pointee }
    var copy = zero
    unsafe withUnsafeMutableBytes(of: &copy) { bytes in
        // C says that the struct has so many.
        unsafe bytes.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: size))
    }
    return copy
}

/// Fills a struct of C's as far as it knows it, and leaves its size alone.
func give<Struct>(_ out: UnsafeMutablePointer<Struct>?, _ what: String, _ make: () throws(Failure) -> Struct)
    -> oroipc_status
{
    status { () throws(Failure) in
        guard let out = unsafe out else { throw .null(what) }
        // As above.
        let size = unsafe UnsafeRawPointer(out).load(as: Int.self)
        guard size >= MemoryLayout<Int>.size, size <= 1 << 16 else {
            throw .invalid("'\(what).size' is \(size): prepare the struct with its _INIT macro")
        }
        var made = try make()
        let count = min(size, MemoryLayout<Struct>.size) - MemoryLayout<Int>.size
        unsafe withUnsafeBytes(of: &made) { bytes in
            unsafe UnsafeMutableRawPointer(out).advanced(by: MemoryLayout<Int>.size).copyMemory(
                from: bytes.baseAddress! + MemoryLayout<Int>.size, byteCount: count)
        }
    }
}

func idlePolicy(_ wanted: Int32) throws(Failure) -> IdlePolicy {
    switch Int(wanted) {
    case OROIPC_IDLE_ADAPTIVE: .adaptive
    case OROIPC_IDLE_SPIN: .spin
    case OROIPC_IDLE_PARK: .park
    default: throw .invalid("\(wanted) is no idle policy")
    }
}

func backend(_ wanted: Int32) throws(Failure) -> WakeBackend? {
    switch Int(wanted) {
    case OROIPC_BACKEND_DEFAULT: nil
    case OROIPC_BACKEND_IO_URING: .ioUring
    case OROIPC_BACKEND_EPOLL: .epoll
    default: throw .invalid("\(wanted) is no backend")
    }
}

/// A logger whose lines go to a function of C's.
func logger(_ label: String, _ log: oroipc_log?, _ context: UnsafeMutableRawPointer?, from level: Int32) throws(Failure)
    -> Logger?
{
    guard let log = unsafe log else { return nil }
    let lowest: Logger.Level
    switch Int(level) {
    case 0, OROIPC_LOG_INFO: lowest = .info
    case OROIPC_LOG_DEBUG: lowest = .debug
    case OROIPC_LOG_WARNING: lowest = .warning
    case OROIPC_LOG_ERROR: lowest = .error
    default: throw .invalid("\(level) is no level of the log")
    }
    let callback = unsafe Callback(function: log, context: context)
    return Logger(label: label, factory: { _ in unsafe LogToC(callback: callback, logLevel: lowest) })
}

@safe private struct LogToC: LogHandler {
    let callback: Callback<oroipc_log>
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let level =
            switch event.level {
            case .trace, .debug: OROIPC_LOG_DEBUG
            case .info, .notice: OROIPC_LOG_INFO
            case .warning: OROIPC_LOG_WARNING
            case .error, .critical: OROIPC_LOG_ERROR
            }
        unsafe "\(event.message)".withCString { unsafe callback.function(Int32(level), $0, callback.context) }
    }
}

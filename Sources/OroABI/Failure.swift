// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroIPC

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Why a function of the C interface fails: its status, and the words for `oroipc_last_error`.
struct Failure: Error {
    let code: oroipc_status
    let text: String

    /// `code` is one of the header's.
    init(_ code: Int, _ text: String) {
        self.code = oroipc_status(code)
        self.text = text
    }

    static func null(_ what: String) -> Failure { Failure(OROIPC_INVALID, "'\(what)' is NULL") }

    static func invalid(_ text: String) -> Failure { Failure(OROIPC_INVALID, text) }

    /// The object is the parent's, and this is a forked child.
    static var forked: Failure { Failure(LinkError.forked) }

    static func state(_ text: String) -> Failure { Failure(OROIPC_STATE, text) }

    init(_ error: LinkError) {
        let code =
            switch error {
            case .notListening: OROIPC_NOT_LISTENING
            case .nameTaken: OROIPC_NAME_TAKEN
            case .badName, .badOptions: OROIPC_INVALID
            case .folder: OROIPC_FOLDER
            case .refused: OROIPC_REFUSED
            case .handshakeTimeout, .timedOut: OROIPC_TIMED_OUT
            case .violation: OROIPC_VIOLATION
            case .peerGone, .goodbye: OROIPC_PEER_GONE
            case .closed: OROIPC_CLOSED
            case .forked, .wouldBlock: OROIPC_STATE
            case .cancelled: OROIPC_ABORTED
            case .tooLarge, .overLimit: OROIPC_TOO_LARGE
            case .unencodable: OROIPC_MALFORMED
            case .noBlocks, .busy, .overBudget, .overQuota: OROIPC_BUSY
            case .system: OROIPC_SYSTEM
            }
        self.init(code, error.description)
    }

    /// Runs `body`, whose error becomes a failure.
    static func of<R>(_ body: () throws(LinkError) -> R) throws(Failure) -> R {
        do throws(LinkError) { return try body() } catch { throw Failure(error) }
    }

    /// The status, with the words left where `oroipc_last_error` finds them.
    func status(recorded: Bool) -> oroipc_status {
        if recorded { LastError.set(text) }
        return code
    }
}

/// Runs `body` and answers what C is told.
func status(_ body: () throws(Failure) -> Void) -> oroipc_status {
    do throws(Failure) {
        try body()
        return oroipc_status(OROIPC_OK)
    } catch {
        return error.status(recorded: true)
    }
}

/// The words for the last failure of each thread.
private enum LastError {
    /// The thread's text, freed when it ends.
    private static let key: pthread_key_t? = {
        var key = pthread_key_t()
        return unsafe pthread_key_create(&key, { text in unsafe free(text) }) == 0 ? key : nil
    }()

    static func set(_ text: String) {
        guard let key else { return }
        // Made by `strdup` here, and nobody else's.
        unsafe free(pthread_getspecific(key))
        unsafe pthread_setspecific(key, strdup(text))
    }

    static var text: UnsafePointer<CChar>? {
        guard let key, let text = unsafe pthread_getspecific(key) else { return nil }
        return unsafe UnsafePointer(text.assumingMemoryBound(to: CChar.self))
    }
}

/// A text that lives as long as the program.
private func constant(_ text: StaticString) -> UnsafePointer<CChar>? {
    // A string literal is stored with a zero byte.
    unsafe UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

@c @implementation
public func oroipc_last_error() -> UnsafePointer<CChar>? { unsafe LastError.text ?? constant("") }

/// The name of a status.
private func name(of status: oroipc_status) -> StaticString {
    switch Int(status) {
    case OROIPC_OK: "OROIPC_OK"
    case OROIPC_FAILED: "OROIPC_FAILED"
    case OROIPC_INVALID: "OROIPC_INVALID"
    case OROIPC_NOT_LISTENING: "OROIPC_NOT_LISTENING"
    case OROIPC_NAME_TAKEN: "OROIPC_NAME_TAKEN"
    case OROIPC_FOLDER: "OROIPC_FOLDER"
    case OROIPC_REFUSED: "OROIPC_REFUSED"
    case OROIPC_TIMED_OUT: "OROIPC_TIMED_OUT"
    case OROIPC_CLOSED: "OROIPC_CLOSED"
    case OROIPC_PEER_GONE: "OROIPC_PEER_GONE"
    case OROIPC_VIOLATION: "OROIPC_VIOLATION"
    case OROIPC_TOO_LARGE: "OROIPC_TOO_LARGE"
    case OROIPC_BUSY: "OROIPC_BUSY"
    case OROIPC_ABORTED: "OROIPC_ABORTED"
    case OROIPC_STATE: "OROIPC_STATE"
    case OROIPC_NOT_FOUND: "OROIPC_NOT_FOUND"
    case OROIPC_SYSTEM: "OROIPC_SYSTEM"
    case OROIPC_MALFORMED: "OROIPC_MALFORMED"
    default: "unknown status"
    }
}

@c @implementation
public func oroipc_status_name(_ status: oroipc_status) -> UnsafePointer<CChar>? { unsafe constant(name(of: status)) }

@c @implementation
public func oroipc_abi_version() -> UInt32 { UInt32(OROIPC_ABI_VERSION) << 16 | UInt32(OROIPC_ABI_REVISION) }

@c @implementation
public func oroipc_version() -> UnsafePointer<CChar>? { unsafe constant(RuntimeVersion.text) }

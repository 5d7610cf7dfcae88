// SPDX-License-Identifier: Apache-2.0

import COroIPC
import OroIPC

/// Bytes that C holds.
final class BytesHandle: Handle, Sendable {
    let bytes: Bytes

    init(_ bytes: Bytes) { self.bytes = bytes }
}

/// Keeps memory that needs no keeping: it is read before the call that it was handed to returns.
final class NobodysMemory: Sendable {
    static let shared = NobodysMemory()
}

/// `size` bytes at `base` for the length of one call; `nil` for none. Throws where C cannot mean it.
func passing(_ base: UnsafeRawPointer?, _ size: Int) throws(Failure) -> Bytes? {
    if size == 0 { return nil }
    guard let base = unsafe base else { throw .null("bytes") }
    guard size > 0, size <= mostBytes else { throw Failure(OROIPC_TOO_LARGE, "\(size) bytes are too many") }
    // Read before the call returns.
    return unsafe Bytes(base, size, keptBy: NobodysMemory.shared)
}

/// A copy of `size` bytes at `base`.
func copied(_ base: UnsafeRawPointer?, _ size: Int) throws(Failure) -> Bytes {
    try unsafe passing(base, size)?.copy() ?? []
}

@c @implementation
public func oroipc_bytes_create(_ bytes: UnsafeRawPointer?, _ size: Int, _ out: UnsafeMutablePointer<OpaquePointer?>?)
    -> oroipc_status
{
    // Whoever makes bytes means a payload, also where there are none.
    unsafe put(out) { () throws(Failure) in BytesHandle(size == 0 ? .empty : try unsafe copied(bytes, size)) }
}

@c @implementation
public func oroipc_bytes_borrow(
    _ bytes: UnsafeRawPointer?, _ size: Int, _ done: oroipc_done?, _ context: UnsafeMutableRawPointer?,
    _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    unsafe put(out) { () throws(Failure) in
        guard let bytes = unsafe bytes else { throw .null("bytes") }
        guard (0...mostBytes).contains(size) else { throw Failure(OROIPC_TOO_LARGE, "\(size) bytes are too many") }
        // C keeps them until it is told.
        return unsafe BytesHandle(Bytes(bytes, size, keptBy: Kept(context, done)))
    }
}

@c @implementation
public func oroipc_bytes_from_memfd(_ descriptor: Int32, _ out: UnsafeMutablePointer<OpaquePointer?>?) -> oroipc_status
{
    unsafe put(out) { () throws(Failure) in
        guard descriptor >= 0 else { throw .invalid("\(descriptor) is no descriptor") }
        return BytesHandle(try Failure.of { () throws(LinkError) in try Bytes(memfd: descriptor) })
    }
}

@c @implementation
public func oroipc_bytes_retain(_ bytes: OpaquePointer?) -> OpaquePointer? { unsafe BytesHandle.retain(bytes) }

@c @implementation
public func oroipc_bytes_release(_ bytes: OpaquePointer?) { unsafe BytesHandle.release(bytes) }

@c @implementation
public func oroipc_bytes_data(_ bytes: OpaquePointer?) -> UnsafeRawPointer? {
    unsafe start(of: BytesHandle.at(bytes)?.bytes)
}

@c @implementation
public func oroipc_bytes_size(_ bytes: OpaquePointer?) -> Int { unsafe BytesHandle.at(bytes)?.bytes.count ?? 0 }

@c @implementation
public func oroipc_bytes_is_borrowed(_ bytes: OpaquePointer?) -> Int32 {
    unsafe BytesHandle.at(bytes)?.bytes.isBorrowed == true ? 1 : 0
}

@c @implementation
public func oroipc_bytes_is_immutable(_ bytes: OpaquePointer?) -> Int32 {
    unsafe BytesHandle.at(bytes)?.bytes.isImmutable == true ? 1 : 0
}

@c @implementation
public func oroipc_bytes_map_private(
    _ bytes: OpaquePointer?, _ data: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> oroipc_status {
    guard let data = unsafe data else { return Failure.null("data").status(recorded: true) }
    unsafe data.pointee = nil
    return unsafe put(out) { () throws(Failure) in
        guard let handle = unsafe BytesHandle.at(bytes) else { throw .null("bytes") }
        guard let (own, base) = unsafe try Failure.of({ () throws(LinkError) in try handle.bytes.mappedPrivately() })
        else {
            throw Failure(OROIPC_NOT_FOUND, "the bytes lie in no memory that can be mapped again")
        }
        // C says that it points to a pointer.
        unsafe data.pointee = base
        return BytesHandle(own)
    }
}

/// Where bytes lie, for as long as somebody holds them; `nil` where there are none.
func start(of bytes: Bytes?) -> UnsafeRawPointer? {
    guard let bytes, !bytes.isEmpty || bytes.isEmptyPayload else { return nil }
    return unsafe bytes.withUnsafeBytes { buffer in buffer.baseAddress }
}

/// A block that C fills. One thread at a time.
@safe final class LoanHandle: Handle {
    private var loan: Loan?
    let base: UnsafeMutableRawPointer?
    let count: Int

    init(_ loan: consuming Loan) {
        count = loan.count
        // The block stays where it is, and this object keeps it until it is finished.
        unsafe base = loan.withUnsafeMutableBytes { buffer in buffer.baseAddress }
        self.loan = consume loan
    }

    var isFinished: Bool { loan == nil }

    /// What was filled; nobody writes any more.
    func finish(_ size: Int) throws(Failure) -> Bytes {
        guard (0...count).contains(size) else { throw .invalid("the loan has \(count) bytes, not \(size)") }
        guard let loan = loan.take() else { throw .state("the loan has become bytes already") }
        return loan.bytes(size)
    }
}

@c @implementation
public func oroipc_loan_data(_ loan: OpaquePointer?) -> UnsafeMutableRawPointer? {
    guard let loan = unsafe LoanHandle.at(loan), !loan.isFinished else { return nil }
    return unsafe loan.base
}

@c @implementation
public func oroipc_loan_size(_ loan: OpaquePointer?) -> Int { unsafe LoanHandle.at(loan)?.count ?? 0 }

@c @implementation
public func oroipc_loan_finish(_ loan: OpaquePointer?, _ size: Int, _ out: UnsafeMutablePointer<OpaquePointer?>?)
    -> oroipc_status
{
    unsafe put(out) { () throws(Failure) in
        guard let loan = unsafe LoanHandle.at(loan) else { throw .null("loan") }
        return BytesHandle(try loan.finish(size))
    }
}

@c @implementation
public func oroipc_loan_release(_ loan: OpaquePointer?) { unsafe LoanHandle.release(loan) }

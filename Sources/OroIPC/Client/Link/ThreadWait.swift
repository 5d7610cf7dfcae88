// SPDX-License-Identifier: Apache-2.0

import CSupport
import OroLink

/// The wait of a thread for a client, so that the others go on if the thread ends inside: cancelled (`pthread_cancel`),
/// or by `pthread_exit` in a signal handler.
///
/// Such a thread does not return from what it is in. What it would have done is done at its very end, from memory of
/// its own: it ends its receiver and gives up its request. What its functions held references of stays.
@safe struct ThreadWait: ~Copyable {
    /// `nil`: none was begun, or there is no memory.
    private let wait: UnsafeMutablePointer<oro_wait>?

    /// Begins a wait: for the result with this ticket where there is one; `ring` is the caller's, if it is part of
    /// that.
    init(_ core: ClientCore, _ waiter: ThreadWaiter? = nil, ticket: UInt64 = 0, ring: Int? = nil) {
        guard let wait = unsafe oro_wait_here(), unsafe wait.pointee.abandoned == nil else {
            unsafe self.wait = nil
            return
        }
        unsafe wait.pointee.owner = Unmanaged.passRetained(core).toOpaque()
        unsafe wait.pointee.waiter = waiter.map { unsafe Unmanaged.passRetained($0).toOpaque() }
        unsafe wait.pointee.ticket = ticket
        unsafe wait.pointee.ring = Int32(ring ?? -1)
        unsafe wait.pointee.is_receiving = false
        unsafe wait.pointee.abandoned = { wait in
            guard let wait = unsafe wait else { return }
            unsafe ThreadWait.abandoned(wait)
        }
        unsafe self.wait = wait
    }

    deinit {
        guard let wait = unsafe wait else { return }
        unsafe wait.pointee.abandoned = nil
        _ = unsafe ThreadWait.takeReferences(wait)
    }

    /// The thread is the receiver, or is it no more.
    func isReceiving(_ isReceiving: Bool) { unsafe wait?.pointee.is_receiving = isReceiving }

    /// The thread may be cancelled while it sleeps.
    var isWatched: Bool { unsafe wait != nil }

    private static func takeReferences(
        _ wait: UnsafeMutablePointer<oro_wait>
    ) -> (core: ClientCore, waiter: ThreadWaiter?)? {
        guard let owner = unsafe wait.pointee.owner else { return nil }
        defer {
            unsafe wait.pointee.owner = nil
            unsafe wait.pointee.waiter = nil
        }
        // Both were retained when the wait began.
        let waiter = unsafe wait.pointee.waiter.map {
            unsafe Unmanaged<ThreadWaiter>.fromOpaque($0).takeRetainedValue()
        }
        return unsafe (Unmanaged<ClientCore>.fromOpaque(owner).takeRetainedValue(), waiter)
    }

    /// At the end of the thread.
    private static func abandoned(_ wait: UnsafeMutablePointer<oro_wait>) {
        unsafe wait.pointee.abandoned = nil
        guard let (core, waiter) = unsafe takeReferences(wait) else { return }
        let ring = unsafe wait.pointee.ring
        unsafe core.abandoned(
            waiter, ticket: wait.pointee.ticket, ring: ring < 0 ? nil : Int(ring),
            isReceiving: wait.pointee.is_receiving)
    }
}

extension ClientCore {
    /// A thread has ended inside a wait.
    fileprivate func abandoned(_ waiter: ThreadWaiter?, ticket: UInt64, ring: Int?, isReceiving: Bool) {
        // In a forked child there is nobody to go on.
        if link.isForeign { return }
        if isReceiving {
            // The thread's own ended with the thread, in which nothing is destroyed.
            let receiver = Receiver(holding: self)
            disarmLink(receiver)
        }
        guard let waiter else {
            // It waited for room, with a part of a message in its ring: what another thread put behind that would be
            // another part.
            if let ring { link.retireRing(ring) }
            return
        }
        receiverLock.forget(waiter)
        waiter.ticket.store(0, ordering: .relaxed)
        if ring == nil { complete(ticket, seq: nil, .error(.abort())) }
        sendAbort(ticket, .abort(), shared: ring == nil && isInTask)
        receiverLock.handOverIfFree()
    }
}

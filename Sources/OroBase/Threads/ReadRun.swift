// SPDX-License-Identifier: Apache-2.0

/// What is left for the end of a run of messages that are read from a link at once: to wake those who wait for what is
/// among them. So a reader finds all that has come, and is not woken for each message.
///
/// Belongs to whoever reads the link. Nothing is held for longer than that takes: a message that comes alone is a run.
package struct ReadRun {
    @usableFromInline var readers: [Waiter] = []
    /// Those that keep who waits until the end of the run themselves.
    @usableFromInline var keeping: (any RunKeeping)?

    package init() {}

    /// Something has come for this reader, which is resumed at the end.
    package mutating func wake(_ reader: Waiter) { readers.append(reader) }

    /// Tells `other`, which is the same in all runs of a link, of the end of this run.
    package mutating func begin(_ other: some RunKeeping) {
        if keeping != nil { return }
        keeping = other
        other.beginRun()
    }

    /// At the end of the run, where no lock is held.
    @inlinable
    package mutating func end() { if !readers.isEmpty || keeping != nil { wakeAll() } }

    @usableFromInline
    mutating func wakeAll() {
        let woken = readers
        readers.removeAll(keepingCapacity: true)
        for reader in woken { reader.resume() }
        keeping.take()?.endRun()
    }
}

/// Who keeps those that are to be woken at the end of a run.
package protocol RunKeeping: AnyObject {
    func beginRun()
    func endRun()
}

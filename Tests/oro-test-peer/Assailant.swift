// SPDX-License-Identifier: Apache-2.0

import CTestSupport
import Foundation
import OroConformance

/// A hostile client that does one thing over and over, as fast as it can, until it is killed.
///
/// It writes whole frames of any length, waits for room as a peer has to, and connects again when the host has hung up.
final class Assailant {
    let path: String
    let folder: String
    let name: String
    private(set) var main: Hostile
    /// Further connections of the same attack.
    var others: [Hostile] = []
    /// Connections that the host has ended or refused.
    private(set) var lost = 0
    /// What it asked for; each attack counts for itself.
    var counter: UInt64 = 0
    /// How long it waits for room, in nanoseconds; `nil`: for ever.
    var patience: UInt64?
    /// What the host says is taken off its ring and thrown away.
    var reads = true
    /// Kept by an attack from round to round: a long message, a memory, descriptors.
    var big: [UInt8] = []
    var memory: Int32 = -1
    var held: [Int32] = []

    /// The host has hung up.
    struct Gone: Error {}

    init(folder: String, name: String, seed: UInt64) {
        (self.folder, self.name) = (folder, name)
        path = "\(folder)/\(name).sock"
        main = Hostile(path: path, seed: seed)
    }

    func connect() { connect(main) }

    func connect(_ hostile: Hostile, loans: Int = 1 << 14) {
        while !hostile.connect(loans: loans) {
            lost += 1
            usleep(1000)
        }
    }

    /// One more connection, which stays.
    func another() -> Hostile {
        let hostile = Hostile(path: path, seed: main.dice.next())
        connect(hostile)
        others.append(hostile)
        return hostile
    }

    /// A connection beside the main one, that speaks for others to hear.
    func poster() throws -> Hostile {
        if let poster = others.first { return poster }
        return another()
    }

    // MARK: Frames

    /// Sends a frame of any length over the main connection.
    func send(_ frame: [UInt8]) throws { try send(frame, over: main) }

    func send(_ frame: [UInt8], over hostile: Hostile) throws {
        let most = hostile.ring / 4 - 16
        if frame.count <= most {
            try put(frame[...], over: hostile)
            return
        }
        try sendParts(frame, of: frame.count, over: hostile)
    }

    /// Parts of a message that is said to have `total` bytes. It is finished where the frame has that many.
    func sendParts(_ frame: [UInt8], of total: Int, over hostile: Hostile) throws {
        let most = hostile.ring / 4 - 16
        var sent = 0
        while sent < frame.count {
            let piece = min(frame.count - sent, most - 8)
            let part: UInt32 = sent == 0 ? 1 : sent + piece == total ? 3 : 2
            try put(
                frame[sent..<sent + piece], prefix: sent == 0 ? Wire.number(UInt64(total), 8) : [], part: part,
                over: hostile)
            sent += piece
        }
    }

    private func put(
        _ bytes: ArraySlice<UInt8>, prefix: [UInt8] = [], part: UInt32 = 0, over hostile: Hostile
    ) throws {
        let length = prefix.count + bytes.count
        let stride = (length + 16 + 15) & ~15
        try waitForRoom(stride, over: hostile)
        guard let segment = hostile.segment else { throw Gone() }
        let (base, mask) = (segment + hostile.head, hostile.ring - 1)
        let offset = Int(hostile.position) & mask
        func copy(_ source: UnsafeRawBufferPointer, to start: Int) {
            let first = min(source.count, hostile.ring - start & mask)
            guard let from = source.baseAddress else { return }
            (base + start & mask).copyMemory(from: from, byteCount: first)
            base.copyMemory(from: from + first, byteCount: source.count - first)
        }
        prefix.withUnsafeBytes { copy($0, to: (offset + 16) & mask) }
        bytes.withUnsafeBytes { copy($0, to: (offset + 16 + prefix.count) & mask) }
        let sizeWord = UInt64(UInt32(length) | part << 28) | UInt64(stride) << 32
        base.storeBytes(of: sizeWord, toByteOffset: offset + 8, as: UInt64.self)
        base.storeBytes(of: hostile.key &+ hostile.position, toByteOffset: offset, as: UInt64.self)
        hostile.position += UInt64(stride)
    }

    private func waitForRoom(_ stride: Int, over hostile: Hostile) throws {
        guard let theirs = hostile.shown.segment else { throw Gone() }
        var turns = 0
        let end = patience.map { oro_clock_ns() + $0 }
        while true {
            let consumed = theirs.load(fromByteOffset: 256, as: UInt64.self)
            if hostile.position + UInt64(stride) - consumed <= UInt64(hostile.ring) { return }
            if reads { skip(hostile) }
            if turns % 16 == 0 {
                hostile.wake()
                guard hostile.drainHere() else { throw Gone() }
            }
            turns += 1
            if let end, oro_clock_ns() > end { throw Gone() }
            usleep(20)
        }
    }

    /// Throws away what the host has said.
    func skip(_ hostile: Hostile) { each(hostile) { _ in } }

    /// Takes what the host has said, record by record.
    func each(_ hostile: Hostile, _ body: ([UInt8]) -> Void) {
        guard let theirs = hostile.shown.segment, let segment = hostile.segment else { return }
        let (ring, mask) = (theirs + 4096, hostile.shown.ringBytes - 1)
        let before = hostile.shown.position
        while true {
            let position = hostile.shown.position
            let offset = Int(position) & mask
            guard ring.load(fromByteOffset: offset, as: UInt64.self) == hostile.shown.key &+ position else { break }
            let length = Int(ring.load(fromByteOffset: offset + 8, as: UInt32.self) & 0xFFF_FFFF)
            // Of a long one its beginning will do.
            body((0..<min(length, 512)).map { ring.load(fromByteOffset: (offset + 16 + $0) & mask, as: UInt8.self) })
            hostile.shown.position += UInt64(ring.load(fromByteOffset: offset + 12, as: UInt32.self))
        }
        if hostile.shown.position != before {
            segment.storeBytes(of: hostile.shown.position, toByteOffset: 256, as: UInt64.self)
        }
    }

    /// Behind a run of frames: wakes the host, reads, and finds out whether the link still lives.
    func pause(_ microseconds: UInt32 = 0) throws {
        main.wake()
        if reads { skip(main) }
        guard main.drainHere() else { throw Gone() }
        if microseconds > 0 { usleep(microseconds) }
    }

    /// The next number of its own.
    func next() -> UInt64 {
        counter += 1
        return counter
    }

    // MARK: Running

    static func run(_ arguments: Arguments) throws {
        guard let attack = Attack.all.first(where: { $0.name == arguments.text("attack") }) else {
            throw Usage("--attack must be one of: \(Attack.all.map(\.name).joined(separator: ", "))")
        }
        let folder = arguments.text("folder") ?? "/tmp/oro-ipc-\(getuid())"
        let assailant = Assailant(
            folder: folder, name: try arguments.name(), seed: UInt64(arguments.number("seed", 1)))
        // It ends with whoever started it, also when that was killed: then its input does.
        Thread.detachNewThread {
            var byte: UInt8 = 0
            while read(0, &byte, 1) > 0 {}
            exit(0)
        }
        var isReady = false
        while true {
            do {
                if attack.connects { assailant.connect() }
                try attack.setUp(assailant)
                if !isReady { print("ready") }
                isReady = true
                while true { try attack.round(assailant) }
            } catch is Gone {
                assailant.lost += 1
                for other in assailant.others { other.closeAll() }
                assailant.others = []
            }
        }
    }
}

extension Hostile {
    /// A packet, and the notice that there is one.
    func announce(_ packet: [UInt8], _ descriptors: [Int32] = []) {
        say(packet, descriptors)
        notice()
    }
}

# SPDX-License-Identifier: Apache-2.0
"""A link with an OroIPC host, written from docs/protocol.md, docs/wire-format.md and docs/structured-values.md alone.

For whoever writes a client in another language, and for the tests that keep those pages true. Not a package for users: it
sends from one thread, waits on one link, and copies every payload. Only the standard library is used.
"""
import array
import fcntl
import mmap
import os
import select
import socket
import struct
import threading
import time

REQUEST, RESULT, EVENT, POST, ABORT, CHUNK, END = range(1, 8)
NAME, GOODBYE, CREDIT = range(10, 13)
WIDE_SEQ, INLINE_NAME, FAILED, HAS_SOURCE, HAS_HEADERS, LENT, TAKES_STREAM, HAS_BODY = (1 << bit for bit in range(8))
OPEN, CHANNEL, PART, CARRY, MESSAGE, CONSUMED, CLOSE = range(17, 24)
F_ADD_SEALS, SEAL, SHRINK, GROW, FUTURE_WRITE = 1033, 1, 2, 4, 16
HEAD, WORD = 4096, 1 << 64


class Violation(Exception):
    """The peer did what no correct peer does."""


class PeerGone(Exception):
    pass


class Refused(Exception):
    pass


def full_fence(lock=threading.Lock()):
    """Taking a lock is an atomic read-modify-write, which orders stores before it and loads behind it on x86-64."""
    with lock:
        pass


def make_memory(size):
    """A memfd that only its maker can write: allocated, mapped, then sealed. Returns (descriptor, mapping)."""
    fd = os.memfd_create("wire-client", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    os.posix_fallocate(fd, 0, size)
    mapping = memoryview(mmap.mmap(fd, size))
    fcntl.fcntl(fd, F_ADD_SEALS, SEAL | SHRINK | GROW | FUTURE_WRITE)
    return fd, mapping


# Values -------------------------------------------------------------------------------------------------------------


def _sized(base, length):
    """Tag and length; two bits of the tag say how wide the length is."""
    for width, form in enumerate("<B <H <I".split()):
        if length < 1 << 8 * struct.calcsize(form):
            return bytes([base + width]) + struct.pack(form, length), form
    raise ValueError("too long")


def encode(value):
    if value is None or value is False or value is True:
        return {None: b"\xc0", False: b"\xc1", True: b"\xc2"}[value]
    if isinstance(value, float):
        return b"\xc3" + (struct.pack("<d", value) if value == value else b"\0\0\0\0\0\0\xf8\x7f")
    if isinstance(value, int):
        if 0 <= value < 128:
            return bytes([value])
        if -32 <= value < 0:
            return bytes([value + 0xC0])
        for width, form in enumerate("<b <h <i <q".split()):
            if -(1 << 8 * struct.calcsize(form) - 1) <= value < 1 << 8 * struct.calcsize(form) - 1:
                return bytes([0xC4 + width]) + struct.pack(form, value)
        magnitude = abs(value).to_bytes((abs(value).bit_length() + 7) // 8, "little")
        return _sized(0xC8 if value >= 0 else 0xCC, len(magnitude))[0] + magnitude
    if isinstance(value, str):
        text = value.encode()
        return (bytes([0x80 + len(text)]) if len(text) < 32 else _sized(0xD0, len(text))[0]) + text
    if isinstance(value, (bytes, bytearray)):
        return _sized(0xD4, len(value))[0] + bytes(value)
    is_list = isinstance(value, list)
    body = b"".join(map(encode, value) if is_list else (encode(key) + encode(item) for key, item in value.items()))
    head, form = _sized(0xD8 if is_list else 0xDC, len(body))
    return head + struct.pack(form, len(value)) + body


def decode(data):
    value, end = _decode(bytes(data), 0)
    if end != len(data):
        raise Violation("bytes behind a value")
    return value


def _decode(data, at):
    def number(form, at):
        return struct.unpack_from(form, data, at)[0], at + struct.calcsize(form)

    tag, at = data[at], at + 1
    if tag < 0x80:
        return tag, at
    if tag < 0xA0:
        return data[at : at + tag - 0x80].decode(), at + tag - 0x80
    if tag < 0xC0:
        return tag - 0xC0, at
    if tag < 0xC3:
        return (None, False, True)[tag - 0xC0], at
    if tag == 0xC3:
        return number("<d", at)
    if tag < 0xC8:
        return number("<b <h <i <q".split()[tag - 0xC4], at)
    base, form = tag & 0xFC, ("<B", "<H", "<I", None)[tag & 3]
    length, at = number(form, at)
    if base in (0xC8, 0xCC):
        magnitude = int.from_bytes(data[at : at + length], "little")
        return magnitude if base == 0xC8 else -magnitude, at + length
    if base in (0xD0, 0xD4):
        return data[at : at + length].decode() if base == 0xD0 else data[at : at + length], at + length
    count, at = number(form, at)
    items = []
    for _ in range(count if base == 0xD8 else 2 * count):
        item, at = _decode(data, at)
        items.append(item)
    return (items if base == 0xD8 else dict(zip(items[::2], items[1::2]))), at


# Frames -------------------------------------------------------------------------------------------------------------


class Frame:
    """A frame that came: its header's fields, `name`, `value` (decoded, or None) and `payload`."""

    def __init__(self, data):
        (self.kind, self.flags, self.route, self.deadline, self.ticket, self.seq, values, payload) = struct.unpack_from(
            "<BBHIQQII", data
        )
        self.name, at = None, 32
        for flag, what in ((WIDE_SEQ, "seq"), (INLINE_NAME, "name"), (HAS_SOURCE, "source")):
            if self.flags & flag:
                length = struct.unpack_from("<H", data, at)[0]
                text, at = data[at + 2 : at + 2 + length].decode(), at + 2 + length
                setattr(self, what, int(text) if flag == WIDE_SEQ else text)
        self.value = decode(data[at : at + values]) if values else None
        self.payload = data[len(data) - payload :] if payload else None


def frame(kind, flags=0, *, deadline=0, ticket=0, seq=0, name=None, value=b"", payload=b"", route=0):
    texts = b""
    if not 0 <= seq < WORD:
        flags, text = flags | WIDE_SEQ, str(seq).encode()
        texts += struct.pack("<H", len(text)) + text
    if name is not None:
        flags |= INLINE_NAME
        texts += struct.pack("<H", len(name.encode())) + name.encode()
    head = struct.pack("<BBHIQQII", kind, flags, route, deadline, ticket, seq % WORD, len(value), len(payload))
    return head + texts + value + payload


# The link -----------------------------------------------------------------------------------------------------------


class Ring:
    """One direction: records in `memory`, from `start` on."""

    def __init__(self, memory, start, size, key):
        self.memory, self.start, self.size, self.key, self.position = memory, start, size, key, 0

    def place(self, position):
        return self.start + position % self.size

    def write(self, position, data):
        at = self.place(position)
        first = min(len(data), self.start + self.size - at)
        self.memory[at : at + first] = data[:first]
        self.memory[self.start : self.start + len(data) - first] = data[first:]

    def read(self, position, count):
        at = self.place(position)
        first = min(count, self.start + self.size - at)
        return bytes(self.memory[at : at + first]) + bytes(self.memory[self.start : self.start + count - first])


class Link:
    """A connection with a host. `sleeps` and `wakes` count what the doorbell did."""

    def __init__(self, path=None, sock=None, ring=1 << 16, rings=8, longest=(1 << 26) + 65536, loans=512, memories=256):
        self.sleeps = self.wakes = self.woken = self.returned = self.announced = 0
        self.loans, self.frames, self.memories, self.returns, self.own = loans, [], {}, None, {}
        self.last_woken, self.lent, self.next_loan, self.their_returns, self.their_returned = 0, {}, 0, None, 0
        if sock is None:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            sock.connect(path)
        self.socket, self.ring = sock, ring
        fd, self.segment = make_memory(HEAD + ring)
        self.words = self.segment.cast("Q")
        self.sleep_word = 4
        self.words[8] = self.sleep_word
        key = int.from_bytes(os.urandom(8), "little")
        self.out = Ring(self.segment, HEAD, ring, key)
        limits = struct.pack("<IIQIIQ", ring, rings, longest, loans, memories, 1 << 40)
        self.send_packet(b"OROI" + struct.pack("<HHQQ", 2, 2, 0, key) + limits, [fd])
        os.close(fd)
        packet, fds = self.receive_packet(5.0)
        if packet[:4] == b"OROR":
            raise Refused(struct.unpack_from("<H", packet, 4)[0])
        if packet[:4] != b"OROW" or len(packet) != 64 or len(fds) != 1:
            raise Violation("no welcome")
        _, _, _, key, size, self.rings, self.longest, self.their_loans, self.their_memories, _, self.id = struct.unpack_from(
            "<HHQQIIQIIQQ", packet, 4
        )
        self.theirs = memoryview(mmap.mmap(fds[0], HEAD + size, prot=mmap.PROT_READ))
        self.their_words = self.theirs.cast("Q")
        os.close(fds[0])
        self.ins = [Ring(self.theirs, HEAD, size, key)]
        self.parts = {}
        self.heard = 0

    def close(self):
        self.socket.close()

    # The socket

    def send_packet(self, packet, fds=()):
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([packet], control)

    def receive_packet(self, seconds):
        """The next packet and its descriptors; (None, []) when none comes in time."""
        if not select.select([self.socket], [], [], seconds)[0]:
            return None, []
        packet, control, _, _ = self.socket.recvmsg(64, socket.CMSG_SPACE(16), socket.MSG_CMSG_CLOEXEC)
        fds = array.array("i")
        for level, kind, data in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(data[: len(data) // 4 * 4])
        if not packet:
            raise PeerGone()
        return packet, list(fds)

    def read_socket(self, seconds=0.0):
        while True:
            packet, fds = self.receive_packet(seconds)
            if packet is None:
                return
            seconds = 0.0
            kind = packet[:4]
            if kind == b"OROY":
                self.woken += 1
                continue
            self.heard += 1
            if kind == b"OROM":
                slot, flags, serial, _, size = struct.unpack_from("<HHIIQ", packet, 4)
                self.memories[slot] = serial, memoryview(mmap.mmap(fds[0], size, prot=mmap.PROT_READ))
                if self.returns is None:
                    fd, self.returns = make_memory(8 * self.loans)
                    self.announce(b"OROB" + struct.pack("<I", self.loans), [fd])
            elif kind == b"OROF":
                del self.memories[struct.unpack_from("<H", packet, 4)[0]]
            elif kind == b"OROB":
                self.their_returns = memoryview(mmap.mmap(fds[0], 8 * self.their_loans, prot=mmap.PROT_READ)).cast("Q")
            elif kind == b"OROG":
                _, _, key, size, _ = struct.unpack_from("<HHQII", packet, 4)
                self.ins.append(Ring(memoryview(mmap.mmap(fds[0], size, prot=mmap.PROT_READ)), 0, size, key))
            else:
                raise Violation(f"packet {packet!r}")
            for fd in fds:
                os.close(fd)

    def announce(self, packet, fds=()):
        """A control packet: the peer is told by the counter that there is something to read."""
        self.announced += 1
        struct.pack_into("<I", self.segment, 76, self.announced)
        self.send_packet(packet, fds)
        for fd in fds:
            os.close(fd)
        self.wake()

    # Sleeping and waking

    def wake(self, for_room=False):
        full_fence()
        word = self.their_words[8]
        if word & 1 and (not for_room or word & 2) and word >> 3 > self.last_woken:
            self.last_woken = word >> 3
            self.wakes += 1
            struct.pack_into("<I", self.segment, 80, self.wakes)
            try:
                self.socket.sendmsg([b"OROY"], [], socket.MSG_DONTWAIT)
            except BlockingIOError:
                pass

    def sleep(self, seconds, room=False):
        """Blocks until the peer wakes this side; at once when there is something already."""
        self.sleep_word = (self.sleep_word + 8) | 1 | (2 if room else 0)
        self.words[8] = self.sleep_word
        full_fence()
        if not self.has_news() and not (room and self.has_room()):
            self.sleeps += 1
            self.read_socket(seconds)
        self.sleep_word &= ~3
        self.words[8] = self.sleep_word

    def has_news(self):
        counter = struct.unpack_from("<I", self.theirs, 76)[0]
        return counter != self.heard % (1 << 32) or any(self.is_there(ring) for ring in self.ins)

    # Records

    @staticmethod
    def is_there(ring):
        at = ring.place(ring.position)
        return struct.unpack_from("<Q", ring.memory, at)[0] == (ring.key + ring.position) % WORD

    def has_room(self, stride=None):
        stride = self.ring // 4 if stride is None else stride
        return self.out.position + stride - self.their_words[32] <= self.ring

    def put(self, data, part=0):
        stride = len(data) + 16 + 15 & ~15
        end = time.monotonic() + 10
        while not self.has_room(stride):
            self.frames += self.poll()
            if not self.has_room(stride):
                self.sleep(1.0, room=True)
            if time.monotonic() > end:
                raise TimeoutError("no room")
        position = self.out.position
        self.out.write(position + 16, data)
        self.words[self.out.place(position) // 8 + 1] = len(data) | part << 28 | stride << 32
        self.words[self.out.place(position) // 8] = (self.out.key + position) % WORD
        self.out.position += stride
        self.wake()

    def send(self, data):
        most = self.ring // 4 - 16
        if len(data) <= most:
            return self.put(data)
        data = struct.pack("<Q", len(data)) + data
        for at in range(0, len(data), most):
            self.put(data[at : at + most], 1 if at == 0 else 3 if at + most >= len(data) else 2)

    def poll(self):
        """All frames that are there."""
        if struct.unpack_from("<I", self.theirs, 76)[0] != self.heard % (1 << 32):
            self.read_socket()
        found = []
        for number, ring in enumerate(self.ins):
            while self.is_there(ring):
                size, stride = struct.unpack_from("<II", ring.memory, ring.place(ring.position) + 8)
                part, size = size >> 28, size & (1 << 28) - 1
                data = ring.read(ring.position + 16, size)
                ring.position += stride
                self.words[32 + 8 * number] = ring.position
                self.wake(for_room=True)
                if part == 1:
                    self.parts[number] = struct.unpack_from("<Q", data)[0], data[8:]
                elif part:
                    self.parts[number] = self.parts[number][0], self.parts[number][1] + data
                if part in (0, 3):
                    total, data = self.parts.pop(number) if part else (size, data)
                    if total != len(data):
                        raise Violation("parts that do not add up")
                    found.append(self.receive(data))
        return found

    def receive(self, data):
        came = Frame(data)
        if came.flags & LENT:
            slot, serial, loan, offset, count = struct.unpack("<IIQQQ", came.payload)
            if slot not in self.memories or self.memories[slot][0] != serial:
                self.read_socket()
            came.payload = bytes(self.memories[slot][1][offset : offset + count])
            lap = (self.returned // self.loans + 1) % 256
            struct.pack_into("<Q", self.returns, self.returned % self.loans * 8, lap << 56 | loan & (1 << 56) - 1)
            self.returned += 1
            self.wake(for_room=True)
        return came

    def next(self, wanted, seconds=10.0, spin=False):
        """The next frame for which `wanted` is true; the others are kept."""
        end = time.monotonic() + seconds
        while True:
            for index, came in enumerate(self.frames):
                if wanted(came):
                    return self.frames.pop(index)
            self.frames += self.poll()
            if not any(map(wanted, self.frames)) and not spin:
                self.sleep(max(0.0, end - time.monotonic()))
            if time.monotonic() > end:
                raise TimeoutError("nothing came")

    # Lending

    def lend(self, payload):
        """Puts a payload into a memory of its own, and tells where it lies: the payload of a frame with the flag *lent*."""
        self.take_back()
        slot = next(slot for slot in range(self.their_memories) if slot not in self.own)
        size = (len(payload) + 4095) // 4096 * 4096
        fd, memory = make_memory(size)
        memory[: len(payload)] = payload
        self.next_loan += 1
        index = next(index for index in range(self.their_loans) if index not in self.lent)
        loan = index << 32 | self.next_loan
        self.own[slot], self.lent[index] = memory, (loan, slot)
        self.announce(b"OROM" + struct.pack("<HHIIQ", slot, 0, self.next_loan, 0, size), [fd])
        return struct.pack("<IIQQQ", slot, self.next_loan, loan, 0, len(payload))

    def take_back(self):
        """What the peer has given back; its memory is forgotten."""
        if self.their_returns is None:
            self.read_socket()
        while self.their_returns is not None:
            word = self.their_returns[self.their_returned % self.their_loans]
            if word >> 56 != (self.their_returned // self.their_loans + 1) % 256:
                return
            loan, slot = self.lent.pop((word >> 32) & 0xFFFFFF)
            if loan != word & (1 << 56) - 1:
                raise Violation("a return of what is not out")
            self.their_returned += 1
            del self.own[slot]
            self.announce(b"OROF" + struct.pack("<HH", slot, 0))


class Client:
    """Calls over a link."""

    def __init__(self, *arguments, **options):
        self.link = Link(*arguments, **options)
        self.tickets, self.ports = 0, -1

    def begin(self, name, value=None, flags=0, *, seq=None, payload=b"", lend=False):
        self.tickets += 1
        if lend:
            flags, payload = flags | LENT, self.link.lend(payload)
        encoded = b"" if value is None else encode(value)
        seq = self.tickets if seq is None else seq
        self.link.send(frame(REQUEST, flags, ticket=self.tickets, seq=seq, name=name, value=encoded, payload=payload))
        return self.tickets

    def call(self, name, value=None, **options):
        spin = options.pop("spin", False)
        ticket = self.begin(name, value, **options)
        return self.link.next(lambda came: came.kind == RESULT and came.ticket == ticket, spin=spin)

    def open(self, name, mode=0):
        """The number of a new port."""
        self.ports += 2
        self.link.send(frame(OPEN, ticket=self.ports, name=name, value=encode(mode)))
        return self.ports

    def post(self, port, seq, structured):
        self.link.send(frame(MESSAGE, ticket=port, seq=seq, value=encode(structured)))

    def message(self, port):
        """The next message of a port, which is taken."""
        came = self.link.next(lambda came: came.kind == MESSAGE and came.ticket == port)
        self.link.send(frame(CONSUMED, ticket=port, seq=came.seq + 1))
        return came

"""The native wire format, version 1, once more: written from the tables in the book, sharing no code with Packhorse.

    native.py read FOLDER < stream      writes the objects of a stream into FOLDER
    native.py write FILE... > stream    writes a stream that carries the files
    native.py ask FILE... > stream      the same, and listens to answers
    native.py answers FILE... < stream  reads what a receiver answered to that
    native.py check                     the known values of the checks, and a stream through both directions

Strict where a receiver would be lenient: on a pipe nothing is ever lost, so every byte must be explained.
Needs the package blake3. All integers are big-endian.
"""

import os
import struct
import sys
import tempfile

import blake3

FRAME = struct.Struct(">2sB3sH")  # magic, version, length of the packet, CRC-16 of the six bytes before
PACKET = struct.Struct(">HI")  # channel with bit 15 for control, sequence number
BLOCK = struct.Struct(">HI")  # tag, block number or fragment word
META = struct.Struct(">BBHQQIIBBHIQ32s")
END = struct.Struct(">BBHQQ32s")
SESSION_END = struct.Struct(">BBHQI")
ACK = struct.Struct(">BBHQIIIIIII")
ENTRY = struct.Struct(">IBBHI")
ITEM = struct.Struct(">IH")
FOUNTAIN = struct.Struct(">HBB")  # symbols of a source block, source blocks of a group, bits of the index

CONTROL = 0x8000
TRANSFER = 1
SIZE_KNOWN, HASH_KNOWN, LISTENS = 1, 2, 4
REPAIR = 1 << 31
RECEIVING, WHOLE, VERIFIED = 0, 1, 2
CUT, SYMBOLS = 1, 2
FILE, FOLDER, STREAM = 1, 2, 3


def crc16(data):
    """CRC-16/SPI-FUJITSU."""
    value = 0x1D0F
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return value


def _crc32c_entry(byte):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


CRC32C = [_crc32c_entry(byte) for byte in range(256)]


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ CRC32C[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


class Wrong(Exception):
    """The stream is not what the tables say."""


def expect(what, found, expected):
    if found != expected:
        raise Wrong(f"{what} is {found!r}, not {expected!r}")


def cobs(frame):
    """What a frame between two zeroes stands for (Cheshire and Baker, 1999)."""
    packet, at = bytearray(), 0
    while at < len(frame):
        code = frame[at]
        run = frame[at + 1 : at + code]
        expect("length of a run", len(run), code - 1)
        at += code
        packet += run
        if code < 255 and at < len(frame):
            packet.append(0)
    return bytes(packet)


class Native:
    """Packets in frames on a byte stream: behind a header, or, where errors are expected, between zeroes (COBS)."""

    SEQUENCES = 1 << 32

    def packets(self, stream):
        """(control, channel, sequence number, tag, number, payload) of every packet."""
        frames = map(cobs, filter(None, stream.split(b"\0"))) if stream[:1] == b"\0" else self.frames(stream)
        for packet in frames:
            expect("packet's check", int.from_bytes(packet[-4:], "big"), crc32c(packet[:-4]))
            word, sequence = PACKET.unpack_from(packet)
            tag, number = BLOCK.unpack_from(packet, PACKET.size)
            yield bool(word & CONTROL), word & ~CONTROL, sequence, tag, number, packet[PACKET.size + BLOCK.size : -4]

    def frames(self, stream):
        """The packets behind headers."""
        at = 0
        while at < len(stream):
            magic, version, length, check = FRAME.unpack_from(stream, at)
            expect(f"magic at {at}", magic, b"PH")
            expect("frame version", version, 1)
            expect("frame header's check", check, crc16(stream[at : at + 6]))
            at += FRAME.size + int.from_bytes(length, "big")
            yield stream[at - int.from_bytes(length, "big") : at]

    def packet(self, control, channel, sequence, tag, number, payload):
        """The frame of a packet."""
        packet = PACKET.pack(channel | (CONTROL if control else 0), sequence) + BLOCK.pack(tag, number) + payload
        packet += crc32c(packet).to_bytes(4, "big")
        header = b"PH\x01" + len(packet).to_bytes(3, "big")
        return header + crc16(header).to_bytes(2, "big") + packet


class Object:
    """One object on its way."""

    def __init__(self, meta):
        (_, version, self.flags, self.id, self.session, self.index, self.objects, self.kind, hash_kind, zero,
         self.block_size, self.size, self.hash) = META.unpack_from(meta)
        expect("META version", version, 1)
        expect("hash kind", hash_kind, 1)
        expect("reserved field", zero, 0)
        self.name, self.mode, self.mtime, self.fountain = "", None, None, None
        at = META.size
        while at < len(meta):
            kind, length = struct.unpack_from(">BH", meta, at)
            value = meta[at + 3 : at + 3 + length]
            at += 3 + length
            if kind == 1:
                self.name = value.decode("utf-8")
            elif kind == 2:
                (self.mode,) = struct.unpack(">I", value)
            elif kind == 3:
                self.mtime = struct.unpack(">qI", value)
            elif kind == 4:
                self.fountain = FOUNTAIN.unpack(value)

    def source_blocks(self, blocks):
        """Symbols of every source block by its number, of an object with so many blocks."""
        most, interleave, _ = self.fountain
        if self.kind == STREAM:
            full, rest = divmod(blocks, most * interleave)
            groups = [most * interleave] * full + [rest] * (rest > 0)
        else:
            count = -(-blocks // (most * interleave))
            groups = [blocks // count + (group < blocks % count) for group in range(count)]
        found = {}
        for group, length in enumerate(groups):
            turns = -(-length // most)
            for place in range(turns):
                found[group * interleave + place] = len(range(place, length, turns))
        return found

    def repair(self, number, blocks):
        """(source block, encoding symbol id) of a repair symbol."""
        if self.fountain is None:
            raise Wrong(f"a repair symbol of '{self.name}', which has no fountain code")
        bits = self.fountain[2]
        source, index = (number & ~REPAIR) >> bits, number & (1 << bits) - 1
        symbols = self.source_blocks(blocks).get(source)
        if symbols is None:
            raise Wrong(f"a repair symbol of source block {source} of '{self.name}', which has {blocks} blocks")
        if index >= (1 << 24) - 8193:
            raise Wrong(f"repair symbol {index}")
        return source, symbols + index


class Ack:
    """What a receiver answers."""

    def __init__(self, message):
        (kind, version, flags, self.session, self.receiver, self.sequence, self.held, self.clock, self.bytes,
         self.packets, self.damaged) = ACK.unpack_from(message)
        expect("kind of answer", kind, 0x02)
        expect("ACK version", version, 1)
        expect("flags of an ACK", flags & ~1, 0)
        self.ended = bool(flags & 1)
        self.entries = []
        at = ACK.size
        while at < len(message):
            index, state, form, count, end = ENTRY.unpack_from(message, at)
            at += ENTRY.size
            items = [ITEM.unpack_from(message, at + item * ITEM.size) for item in range(count)]
            at += count * ITEM.size
            expect("form of an entry", form & ~(CUT | SYMBOLS), 0)
            if form & SYMBOLS == 0:
                # Ranges in order that neither touch nor overlap.
                for (first, many), (after, _) in zip(items, items[1:]):
                    if many == 0 or (first + many > after):
                        raise Wrong(f"ranges {items} of object {index}")
                if items and sum(items[-1]) > end:
                    raise Wrong(f"ranges {items} of object {index} reach beyond {end}")
            self.entries.append((index, state, form, end, items))
        expect("length of an ACK", at, len(message))


class Reader:
    """Collects a session."""

    def __init__(self, form):
        self.form = form
        self.objects, self.blocks, self.repairs, self.ends, self.pieces = {}, {}, {}, {}, {}
        self.session_end = None

    def read(self, stream):
        packets = self.form.packets(stream)
        for expected, (control, channel, sequence, tag, number, payload) in enumerate(packets):
            expect("sequence number", sequence, expected % self.form.SEQUENCES)
            expect("channel", channel, TRANSFER)
            if control:
                self.piece(number, payload)
            elif number & REPAIR:
                self.repairs.setdefault(tag, []).append((number, payload))
            else:
                self.blocks.setdefault(tag, {})[number] = payload
        return self

    def piece(self, word, piece):
        message, index, last, zero = word.to_bytes(4, "big")
        expect("fragment word's last byte", zero, 0)
        pieces = self.pieces.setdefault((message, last), {})
        pieces[index] = piece
        if len(pieces) == last + 1:
            del self.pieces[message, last]
            self.message(b"".join(pieces[index] for index in range(last + 1)))

    def message(self, message):
        kind = message[0]
        if kind == 0x01:
            found = Object(message)
            self.objects[found.id] = found
        elif kind == 0xFF:
            _, version, zero, object_id, size, digest = END.unpack_from(message)
            expect("END version", version, 1)
            expect("reserved field", zero, 0)
            self.ends[object_id] = (size, digest)
        elif kind == 0xFE:
            _, version, _, session, objects = SESSION_END.unpack_from(message)
            expect("SESSION END version", version, 1)
            self.session_end = (session, objects)
        else:
            raise Wrong(f"a control message of kind {kind:#x}")

    def files(self):
        """(object, bytes) of everything that came, checked."""
        if self.session_end is None:
            raise Wrong("the session has no end")
        session, objects = self.session_end
        expect("objects", len(self.objects), objects)
        for found in sorted(self.objects.values(), key=lambda found: found.index):
            expect("session", found.session, session)
            blocks = self.blocks.get(found.id & 0xFFFF, {})
            data = b"".join(blocks[number] for number in range(len(blocks)))
            for number, block in blocks.items():
                if number + 1 < len(blocks):
                    expect("length of a block", len(block), found.block_size)
            if found.flags & SIZE_KNOWN:
                expect("size in META", found.size, len(data))
            symbols = self.repairs.pop(found.id & 0xFFFF, [])
            for _, symbol in symbols:
                expect("length of a repair symbol", len(symbol), found.block_size)
            ids = [found.repair(number, len(blocks)) for number, _ in symbols]
            expect("repair symbols that came twice", len(ids) - len(set(ids)), 0)
            digest = blake3.blake3(data).digest()
            if found.flags & HASH_KNOWN:
                expect("hash in META", found.hash, digest)
            if found.kind != FOLDER:
                expect("END", self.ends.get(found.id), (len(data), digest))
            yield found, data
        expect("repair symbols of nothing", self.repairs, {})


def write(form, named, block_size=1000, session=0x1122334455667788, listens=False):
    """A stream that carries (name, bytes) pairs, each sent once."""
    stream, sequence, message = bytearray(), 0, 0

    def send(control, tag, number, payload):
        nonlocal sequence
        stream.extend(form.packet(control, TRANSFER, sequence, tag, number, payload))
        sequence += 1

    def control(tag, data, piece=60):
        nonlocal message
        pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
        for index, part in enumerate(pieces):
            word = int.from_bytes(bytes([message & 0xFF, index, len(pieces) - 1, 0]), "big")
            send(True, tag, word, part)
        message += 1

    for index, (name, data) in enumerate(named):
        object_id = session + index
        tag = object_id & 0xFFFF
        digest = blake3.blake3(data).digest()
        flags = SIZE_KNOWN | (LISTENS if listens else 0)
        meta = META.pack(1, 1, flags, object_id, session, index, len(named), FILE, 1, 0, block_size,
                         len(data), bytes(32))
        name = name.encode("utf-8")
        # An option that nobody knows stands in between: a receiver skips it.
        meta += struct.pack(">BH", 200, 2) + b"??" + struct.pack(">BH", 1, len(name)) + name
        control(tag, meta)
        for number in range(-(-len(data) // block_size)):
            send(False, tag, number, data[number * block_size : (number + 1) * block_size])
        control(tag, END.pack(0xFF, 1, 0, object_id, len(data), digest))
    control(session & 0xFFFF, SESSION_END.pack(0xFE, 1, 0, session, len(named)))
    return bytes(stream)


def save(form, folder, stream):
    for found, data in Reader(form).read(stream).files():
        if not found.name or found.name.startswith("/") or ".." in found.name.split("/"):
            raise Wrong(f"the name {found.name!r}")
        path = os.path.join(folder, found.name)
        if found.kind == FOLDER:
            os.makedirs(path, exist_ok=True)
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        print(f"{found.name}: {len(data)} bytes", file=sys.stderr)


def answers(form, stream, objects, session=0x1122334455667788):
    """What a receiver answered to `write(..., listens=True)`."""
    acks, best, receivers = 0, {}, set()
    for control, channel, _, tag, word, payload in form.packets(stream):
        expect("an answer", (control, channel, tag), (True, TRANSFER, session & 0xFFFF))
        expect("pieces of an answer", word & 0xFFFFFF, 0)
        ack = Ack(payload)
        acks += 1
        expect("session of an answer", ack.session, session)
        receivers.add(ack.receiver)
        for index, state, _, _, _ in ack.entries:
            if index >= objects or state > VERIFIED:
                raise Wrong(f"object {index} of {objects} in state {state}")
            best[index] = max(best.get(index, 0), state)
    expect("receivers", len(receivers), 1)
    if not best:
        raise Wrong("no answer tells of an object")
    print(f"{acks} answers, {sum(state == VERIFIED for state in best.values())} objects verified", file=sys.stderr)


def check(form):
    expect("CRC-16/SPI-FUJITSU of 123456789", crc16(b"123456789"), 0xE5CC)
    expect("CRC-32C of 123456789", crc32c(b"123456789"), 0xE3069283)
    named = [("empty", b""), ("a/b.bin", bytes(range(256)) * 9)]
    with tempfile.TemporaryDirectory() as folder:
        save(form, folder, write(form, named))
        for name, data in named:
            with open(os.path.join(folder, name), "rb") as file:
                expect(name, file.read(), data)


def run(program, arguments, reads, writes, checks, usage):
    """What a program for one format does: `reads` and `writes` are the format in both directions."""
    verb, *rest = arguments or ["help"]
    try:
        if verb == "read":
            save(reads, rest[0], sys.stdin.buffer.read())
        elif verb == "write":
            named = [(os.path.basename(path), open(path, "rb").read()) for path in rest]
            sys.stdout.buffer.write(write(writes, named))
        elif verb == "ask":
            named = [(os.path.basename(path), open(path, "rb").read()) for path in rest]
            sys.stdout.buffer.write(write(writes, named, listens=True))
        elif verb == "answers":
            answers(reads, sys.stdin.buffer.read(), len(rest))
        elif verb == "check":
            checks()
        else:
            sys.exit(usage)
    except Wrong as wrong:
        sys.exit(f"{program}: {wrong}")


if __name__ == "__main__":
    run("native.py", sys.argv[1:], Native(), Native(), lambda: check(Native()), __doc__)

"""The rugged wire format, version 1, once more: written from the tables in the book, sharing no code with Packhorse.

    rugged.py read FOLDER < stream      writes the objects of a stream into FOLDER
    rugged.py write FILE... > stream    writes a stream that carries the files, with as many wrong bytes as a receiver must correct
    rugged.py ask FILE... > stream      the same, and listens to answers
    rugged.py answers FILE... < stream  reads what a receiver answered to that
    rugged.py check                     the known values, and a stream through both directions

Needs the packages blake3 and reedsolo. What is the same as in the native format is in native.py.
"""

import sys

import reedsolo

import native
from native import TRANSFER, Wrong, crc32c, expect

MARKER = bytes.fromhex("1acffc1d")
HEADER_PARITY = 6


def whitening(length):
    """The CCSDS sequence from its start."""
    register, sequence = 0xFF, bytearray()
    for _ in range(length):
        byte = 0
        for _ in range(8):
            byte = byte << 1 | register & 1
            feedback = (register ^ register >> 3 ^ register >> 5 ^ register >> 7) & 1
            register = register >> 1 | feedback << 7
        sequence.append(byte)
    return bytes(sequence)


def whitened(data):
    return bytes(byte ^ mask for byte, mask in zip(data, whitening(len(data))))


def code(parity):
    return reedsolo.RSCodec(parity, nsize=255, fcr=0, prim=0x11D, generator=2, c_exp=8)


def parity_of(data, parity, coder):
    # An empty codeword has a parity of zeros; the package does not take it.
    return coder.encode(data)[len(data):] if data else bytes(parity)


def frame(packet, parity=8, depth=8, damage=False):
    depth = max(1, min(depth, -(-len(packet) // 48)))
    word = len(packet) << 10 | (depth - 1) << 4 | (parity // 2 - 1)
    stated = word.to_bytes(3, "big")
    header = bytearray(whitened(stated + parity_of(stated, HEADER_PARITY, code(HEADER_PARITY))))
    body = bytearray(packet) + bytes(parity * depth)
    coder = code(parity)
    for lane in range(depth):
        own = range(lane, len(body), depth)
        for at, byte in zip(list(own)[-parity:], parity_of(bytes(packet[lane::depth]), parity, coder)):
            body[at] = byte
    body = bytearray(whitened(body))
    marker = bytearray(MARKER)
    if damage:
        marker[1] ^= 0x55
        marker[3] ^= 0xAA
        for at in (0, 4, 8):
            header[at] ^= 0x33
        for lane in range(depth):
            own = list(range(lane, len(body), depth))
            for wrong in range(parity // 2):
                body[own[wrong * len(own) // (parity // 2)]] ^= 0x80 + wrong
    return bytes(marker + header + body)


def leb128(number):
    number = (number << 1 | number >> 31) & 0xFFFFFFFF
    encoded = bytearray()
    while True:
        low, number = number & 0x7F, number >> 7
        encoded.append(low | (0x80 if number else 0))
        if not number:
            return bytes(encoded)


def number_of(data):
    """The number at the front, and its length."""
    number = 0
    for at, byte in enumerate(data):
        number |= (byte & 0x7F) << 7 * at
        if not byte & 0x80:
            return number >> 1 | (number & 1) << 31, at + 1
    raise Wrong("a number that does not end")


class Rugged:
    """Packets in frames on a byte stream."""

    SEQUENCES = 1 << 16

    def __init__(self, damage=False):
        self.damage = damage

    def packets(self, stream):
        at = 0
        while at < len(stream):
            expect(f"marker at {at}", stream[at : at + 4], MARKER)
            stated = whitened(stream[at + 4 : at + 13])
            expect("header's parity", stated[3:], bytes(parity_of(stated[:3], HEADER_PARITY, code(HEADER_PARITY))))
            word = int.from_bytes(stated[:3], "big")
            length, depth, parity = word >> 10, (word >> 4 & 63) + 1, 2 * (word & 15) + 2
            body = whitened(stream[at + 13 : at + 13 + length + depth * parity])
            at += 13 + len(body)
            coder = code(parity)
            for lane in range(depth):
                own = body[lane::depth]
                expect("parity", own[-parity:], bytes(parity_of(own[:-parity], parity, coder)))
            packet = body[:length]
            expect("packet's check", int.from_bytes(packet[-4:], "big"), crc32c(packet[:-4]))
            number, used = number_of(packet[5:-4])
            yield (bool(packet[0] & 0x80), packet[0] & 0x7F, int.from_bytes(packet[1:3], "big"),
                   int.from_bytes(packet[3:5], "big"), number, packet[5 + used : -4])

    def packet(self, control, channel, sequence, tag, number, payload):
        packet = bytes([channel | (0x80 if control else 0)]) + (sequence & 0xFFFF).to_bytes(2, "big")
        packet += tag.to_bytes(2, "big") + leb128(number) + payload
        packet += crc32c(packet).to_bytes(4, "big")
        return frame(packet, damage=self.damage)


def check():
    expect("the whitening sequence", whitening(6), bytes.fromhex("ff480ec09a0d"))
    packet = Rugged().packet(False, TRANSFER, 0, 7, 0x80000003, b"x" * 700)
    expect("a packet", list(Rugged().packets(packet)), [(False, TRANSFER, 0, 7, 0x80000003, b"x" * 700)])
    native.check(Rugged())


if __name__ == "__main__":
    native.run("rugged.py", sys.argv[1:], Rugged(), Rugged(damage=True), check, __doc__)

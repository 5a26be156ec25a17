"""The other side of SPEAD, spoken by spead2: sends what Packhorse must understand, and receives what it sends.

    spead.py send CASE udp|tcp PORT EXPECTED    sends the heaps of a case, and writes the JSON lines that must come out
    spead.py cases                              lists the cases

A case is a list of heaps, each a list of items. Expectations are computed from the arrays here, never from packets.
"""

import hashlib
import json
import sys
import time

import numpy as np
import spead2
import spead2.send

# Every numpy type that a header can name, apart from objects.
TYPES = [
    "|b1", "|i1", "|u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "<u4", ">u4", "<i8", ">i8", "<u8", ">u8",
    "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<c8", ">c8", "<c16", ">c16", "|S5", "<U3", ">U3", "|V4",
]


def array(dtype, shape, seed=1):
    """Any bytes, as an array of that type."""
    dtype = np.dtype(dtype)
    count = int(np.prod(shape)) * dtype.itemsize
    raw = (np.arange(count, dtype=np.int64) * 37 + seed * 11) % 251
    if dtype.kind == "b":
        raw %= 2
    if dtype.kind == "U":
        return np.full(shape, "abc"[: dtype.itemsize // 4], dtype)
    return np.frombuffer(raw.astype(np.uint8).tobytes(), dtype).reshape(shape)


class Case:
    """Heaps to send, and what must be received."""

    def __init__(self, flavour=None, packet=1472, **options):
        self.flavour = flavour or spead2.Flavour()
        self.packet = packet
        self.options = options
        self.group = spead2.send.ItemGroup(flavour=self.flavour)
        self.names = {}
        self.values = {}
        self.heaps = []
        self.expected = []

    def add(self, number, name, shape, dtype=None, format=None, value=None, raw=None):
        """An item; `raw` are the bytes that must come out, when they are not those of `value`."""
        self.group.add_item(number, name, "item " + name, shape, dtype=dtype, format=format)
        self.names[number] = name
        if value is not None:
            self.set(number, value, raw)

    def set(self, number, value, raw=None):
        self.group[number].value = value
        value = np.asarray(value) if raw is None else value
        data = value.tobytes() if raw is None else raw
        self.values[number] = (list(np.shape(value)), data)

    def heap(self, descriptors="stale", repeat=False, known=True):
        heap = self.group.get_heap(descriptors=descriptors, data="all")
        heap.repeat_pointers = repeat
        self.heaps.append(heap)
        items = [
            {"id": number, "name": self.names[number] if known else None, "shape": shape if known else None, "len": len(data),
             "sha256": hashlib.sha256(data).hexdigest()}
            for number, (shape, data) in self.values.items()
        ]
        self.expected.append({"cnt": len(self.heaps), "items": items})


def flavours():
    for bits in range(8, 57, 8):
        case = Case(spead2.Flavour(4, 64, bits))
        top = min((1 << bits) - 1, 200)
        # Descriptor items and addresses have to fit: small identifiers, few bytes, and for 8 bits no descriptor at all.
        first, second = (0x21, 0x22) if bits > 40 else (0x1000, 0x1001)
        if bits == 8:
            # No descriptor fits: names and shapes stay unknown, and an immediate is as long as an address.
            case.add(0x1000, "array", (6,), np.uint8, value=array("u1", (6,)))
            case.heap(descriptors="none", known=False)
            yield "flavour-8", case
            continue
        case.add(first, "number", (), format=[("u", 8)], value=top, raw=bytes([top]))
        case.add(second, "array", (6,), np.uint8, value=array("u1", (6,)))
        case.heap()
        case.set(second, array("u1", (6,), 5))
        case.heap()
        yield f"flavour-{bits}", case


def immediates():
    for bits in (40, 48):
        case = Case(spead2.Flavour(4, 64, bits), packet=96)
        for number, width in enumerate((8, 16, 24, 32, 40)):
            value = 0x0102030405 & ((1 << width) - 1)
            case.add(0x1100 + number, f"u{width}", (), format=[("u", width)], value=value,
                     raw=value.to_bytes(width // 8, "big"))
        case.add(0x1200, "i16", (), format=[("i", 16)], value=-2, raw=b"\xff\xfe")
        case.add(0x1201, "short", (2,), np.uint8, value=array("u1", (2,)))
        case.add(0x1202, "float", (), np.dtype(">f4"), value=np.array(1.5, ">f4"))
        case.heap()
        yield f"immediates-{bits}", case


def types():
    for index, dtype in enumerate(TYPES):
        for packet in (200, 9000):
            case = Case(packet=packet)
            case.add(0x1000, "cube", (3, 4, 5), np.dtype(dtype), value=array(dtype, (3, 4, 5)))
            case.add(0x1001, "single", (), np.dtype(dtype), value=array(dtype, ()))
            case.heap()
            yield f"type-{dtype[1:]}-{'le' if dtype[0] == '<' else 'be' if dtype[0] == '>' else 'one'}-{packet}", case
    case = Case()
    fortran = np.asfortranarray(array("<i4", (3, 4)))
    case.group.add_item(0x1000, "fortran", "", (3, 4), np.int32, order="F")
    case.names[0x1000] = "fortran"
    case.group[0x1000].value = fortran
    case.values[0x1000] = ([3, 4], fortran.tobytes(order="F"))
    case.heap()
    yield "type-fortran", case


def shapes():
    case = Case(packet=300)
    case.add(0x1000, "rows", (None, 3), format=[("u", 16)])
    case.add(0x1001, "text", (None,), format=[("c", 8)])
    for rows in (1, 7, 100):
        value = np.arange(rows * 3, dtype=">u2").reshape(rows, 3)
        case.set(0x1000, value)
        text = "abcdefgh"[: rows % 8] or "x"
        case.group[0x1001].value = text
        case.values[0x1001] = ([len(text)], text.encode())
        case.heap()
    yield "variable", case
    case = Case()
    case.add(0x1000, "bits", (), format=[("u", 12)], value=0xABC, raw=b"\xab\xc0")
    case.add(0x1001, "pairs", (2,), format=[("u", 8), ("i", 8)])
    case.group[0x1001].value = [(1, -1), (2, -2)]
    case.values[0x1001] = ([2], b"\x01\xff\x02\xfe")
    case.heap()
    yield "formats", case


def descriptors():
    case = Case()
    case.add(0x1000, "first", (4,), np.uint8, value=array("u1", (4,)))
    case.heap()
    case.heap(descriptors="none")
    case.heap(descriptors="all")
    yield "descriptors", case
    for mask in (1, 2, 4, 7):
        # Without its variable dimension a heap of mask 2 looks as any other.
        case = Case(spead2.Flavour(4, 64, 48, mask), bug_compat=mask)
        case.add(0x1000, "rows", (None,), format=[("u", 48)])
        raw = b"".join(value.to_bytes(6, "big") for value in (1, 2, 3))
        case.group[0x1000].value = [1, 2, 3]
        case.values[0x1000] = ([3], raw)
        case.heap()
        yield f"bug-compat-{mask}", case


def splits():
    for packet in (64, 72, 103, 256, 1472, 9000, 65000):
        for repeat in (False, True):
            if repeat and packet < 103:
                continue
            case = Case(packet=packet)
            case.add(0x1000, "long", (5000,), np.uint8, value=array("u1", (5000,)))
            case.add(0x1001, "longer", (3001,), np.dtype("<u2"), value=array("<u2", (3001,), 3))
            case.heap()
            # Descriptors alone fill several small packets.
            case.heap(descriptors="none", repeat=repeat)
            yield f"split-{packet}{'-repeated' if repeat else ''}", case


def cases():
    for source in (flavours, immediates, types, shapes, descriptors, splits):
        yield from source()


def send(case, transport, port):
    pool = spead2.ThreadPool()
    config = spead2.send.StreamConfig(max_packet_size=case.packet, rate=20e6, max_heaps=64)
    endpoint = [("127.0.0.1", port)]
    if transport == "udp":
        stream = spead2.send.UdpStream(pool, endpoint, config)
    else:
        stream = spead2.send.TcpStream(pool, endpoint, config)
    for heap in case.heaps:
        stream.send_heap(heap)
    stream.send_heap(case.group.get_end())


def main(arguments):
    known = dict(cases())
    if arguments[0] == "cases":
        for name, case in known.items():
            print(name, case.options.get("bug_compat", 0))
        return
    # One process for many cases: a line for each says CASE TRANSPORT PORT.
    for line in sys.stdin:
        name, transport, port = line.split()
        case = known[name]
        send(case, transport, int(port))
        print(json.dumps(case.expected), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Receives with spead2 what `crates/spead/examples/every_item.rs` sends, and compares every value and every byte.

usage: spead_send.py PATH_OF_every_item PATH_OF_packhorse
"""

import socket
import subprocess
import sys

import numpy as np
import spead2
import spead2.recv
import spead2.send

TYPES = ["|i1", "<i2", ">i2", "<i4", ">i4", "<i8", ">i8", "|u1", "<u2", ">u2", "<u4", ">u8", "<f2", "<f4", ">f8", "<c8",
         ">c16", "|b1", "|S5", "<U3",
         [("a", "<i4"), ("b", ">f8", (2,)), ("f2", "|V2"), ("c", [("x", "|u1"), ("y", "<u2")])]]
FIRST = 0x11


def bytes_of(number, length, text):
    values = [(i * 31 + number) & 127 for i in range(length)]
    if text == "|b1":
        values = [value & 1 for value in values]
    elif text == "<U3":
        values = [(value | 32) if i % 4 == 0 else 0 for i, value in enumerate(values)]
    return bytes(values)


def expected(bits, compat):
    """Identifier, name and value of every item that is sent."""
    narrow = bits < 16
    length = 2 if narrow else 100
    items = []
    for number, text in enumerate(TYPES):
        dtype = np.dtype(text)
        if narrow and (not isinstance(text, str) or len(text) > 5 or length * dtype.itemsize > 40):
            continue
        raw = bytes_of(number, length * dtype.itemsize, text)
        items.append((FIRST + number, f"t{number}", np.frombuffer(raw, dtype)))
    after = FIRST + len(TYPES)
    items.append((after, "imm", 0x12))
    items.append((after + 1, "neg", -2))
    items.append((after + 2, "text", "ok"))
    items.append((after + 3, "rows", np.frombuffer(bytes(range(24)), ">u2").reshape(6, 2)))
    items.append((after + 4, "odd", np.array([0xABC, 0x123, 0x456])))
    return items


def same(got, wanted):
    if isinstance(wanted, np.ndarray) and wanted.dtype.names:
        # spead2 turns the fields into this machine's byte order.
        return all(same(got[name], wanted[name]) for name in wanted.dtype.names)
    if isinstance(wanted, np.ndarray) and wanted.dtype.kind in "fc":
        return np.array_equal(got, wanted, equal_nan=True)
    return np.array_equal(got, wanted)


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def check(program, bits, compat, packet, split, repeat, transport):
    what = f"SPEAD-64-{bits} compat {compat} packets {packet} {split} {repeat} {transport}"
    config = spead2.recv.StreamConfig(max_heaps=64, bug_compat=compat)
    stream = spead2.recv.Stream(spead2.ThreadPool(), config, spead2.recv.RingStreamConfig(heaps=200))
    arguments = [program, str(bits), str(compat), str(packet), split, repeat, transport]
    if transport == "bytes":
        sent = subprocess.run(arguments, check=True, stdout=subprocess.PIPE).stdout
        stream.add_buffer_reader(sent)
    else:
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        port = free_port(kind)
        add = stream.add_udp_reader if transport == "udp" else stream.add_tcp_reader
        add(port, bind_hostname="127.0.0.1")
        subprocess.run(arguments + [f"127.0.0.1:{port}"], check=True)
    group = spead2.ItemGroup()
    for heap in stream:
        group.update(heap)
    wanted = expected(bits, compat)
    for ident, name, value in wanted:
        if ident not in group.ids():
            raise SystemExit(f"{what}: item {ident:#x} {name} did not arrive")
        item = group[ident]
        if item.name != name or not same(item.value, value):
            raise SystemExit(f"{what}: {name} is {item.name} {repr(item.value)[:200]} instead of {repr(value)[:200]}")
    if len(list(group.ids())) != len(wanted):
        raise SystemExit(f"{what}: {len(list(group.ids()))} items instead of {len(wanted)}")


def bytes_of_spead2(bits, packet, repeat):
    """The first heaps of the same stream, as spead2 writes them."""
    flavour = spead2.Flavour(4, 64, bits)
    stream = spead2.send.BytesStream(spead2.ThreadPool(), spead2.send.StreamConfig(max_packet_size=packet))
    for ident, name, value in expected(bits, 0):
        group = spead2.send.ItemGroup(flavour=flavour)
        if name.startswith("t") and name[1:].isdigit():
            group.add_item(ident, name, "", value.shape, value.dtype, value=value)
        elif name == "imm":
            group.add_item(ident, name, "", (), format=[("u", min(bits, 40))], value=value)
        elif name == "neg":
            group.add_item(ident, name, "", (), format=[("i", 8)], value=value)
        elif name == "text":
            group.add_item(ident, name, "", (None,), format=[("c", 8)], value=value)
        elif name == "rows":
            group.add_item(ident, name, "", (None, 2), format=[("u", 16)], value=value)
        else:
            group.add_item(ident, name, "", (3,), format=[("u", 12)], value=value)
        heap = group.get_heap()
        heap.repeat_pointers = repeat
        stream.send_heap(heap)
    stream.send_heap(spead2.send.ItemGroup(flavour=flavour).get_end())
    return stream.getvalue()


def check_bytes(program, bits, packet, repeat):
    arguments = [program, str(bits), "0", str(packet), "full", "repeat" if repeat else "once", "bytes"]
    ours = subprocess.run(arguments, check=True, stdout=subprocess.PIPE).stdout
    theirs = bytes_of_spead2(bits, packet, repeat)
    if ours != theirs:
        at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
        raise SystemExit(f"SPEAD-64-{bits} packets {packet}: byte {at} differs: "
                         f"{ours[at - 8:at + 24].hex()} instead of {theirs[at - 8:at + 24].hex()}")


def check_program(packhorse, arguments, tcp):
    heaps, size = 50, 8192
    port = free_port(socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
    stream = spead2.recv.Stream(spead2.ThreadPool(), ring_config=spead2.recv.RingStreamConfig(heaps=heaps + 2))
    (stream.add_tcp_reader if tcp else stream.add_udp_reader)(port, bind_hostname="127.0.0.1")
    command = [packhorse, "heaps", "send", "-n", str(heaps), "-H", str(size), "-p", "9000", *arguments]
    command += ["--tcp"] if tcp else []
    output = subprocess.run(command + ["127.0.0.1", str(port)], check=True, stdout=subprocess.PIPE).stdout
    group = spead2.ItemGroup()
    seen = 0
    for heap in stream:
        group.update(heap)
        samples = group["adc_samples"].value
        if group["timestamp"].value != seen * size or not (samples == np.int8(seen)).all() or len(samples) != size:
            raise SystemExit(f"packhorse heaps send {arguments}: heap {seen} differs")
        seen += 1
    if seen != heaps or b"MB/s" not in output:
        raise SystemExit(f"packhorse heaps send {arguments}: {seen} of {heaps} heaps arrived")


def main():
    program, packhorse = sys.argv[1:3]
    count = 0
    for bits in range(8, 57, 8):
        narrow = bits == 8
        for compat in (0, 7):
            # PySPEAD's descriptors have no room for more in the narrowest flavour.
            check(program, bits, compat, 1472, "even", "once", "bytes")
            count += 1
        for packet, repeat in [(1472, False), (103, False), (9000, True)]:
            check_bytes(program, bits, packet, repeat)
            count += 1
        for packet, split, repeat, transport in [
            (1472, "even", "once", "udp"), (96, "even", "once", "tcp"), (1472, "even", "repeat", "tcp"),
            (9000, "full", "once", "udp"),
        ]:
            check(program, bits, 0, packet, split, repeat, transport)
            count += 1
    for reuse in ("off", "on", "batch"):
        check_program(packhorse, ["--reuse", reuse, "--rate", "50M"], False)
        check_program(packhorse, ["--reuse", reuse], True)
        count += 2
    print(f"    {count} streams sent to spead2 {spead2.__version__}: every value as it was, every byte as spead2 writes it")


main()

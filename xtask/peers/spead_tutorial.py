"""The sender of spead2's tutorial, steps 9 (a heap built for every send), 10 (reused heaps) and 11 (batches).

usage: spead_tutorial.py off|on|batch HEAPS HEAP_SIZE PACKET_SIZE HOST PORT

Written from what the tutorial describes. The payload is filled anew for every heap.
"""

import asyncio
import sys
import time

import numpy as np
import spead2.send
import spead2.send.asyncio

mode, heaps, size, packet, host, port = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5], int(sys.argv[6])
depth = max(2, 1024 * 1024 // size)


def new_group():
    group = spead2.send.ItemGroup()
    group.add_item(0x1600, "timestamp", "Index of the first sample", shape=(), format=[("u", 40)])
    group.add_item(0x3300, "adc_samples", "ADC converter output", shape=(size,), dtype=np.int8)
    return group


def heap_of(group, timestamp, samples, **which):
    group["timestamp"].value = timestamp
    group["adc_samples"].value = samples
    return group.get_heap(**which)


async def anew(stream, group):
    states = [[np.ones(size, np.int8), None] for _ in range(depth)]
    for i in range(heaps):
        state = states[i % depth]
        if state[1] is not None:
            await state[1]
        state[0].fill(np.int64(i).astype(np.int8))
        state[1] = stream.async_send_heap(heap_of(group, i * size, state[0]))
    for state in states:
        if state[1] is not None:
            await state[1]


async def reused(stream, group):
    states = []
    for _ in range(depth):
        samples, timestamp = np.ones(size, np.int8), np.array(0, ">u8")
        states.append([samples, timestamp, heap_of(group, timestamp, samples, descriptors="none", data="all"), None])
    first = heap_of(group, states[0][1], states[0][0], descriptors="all", data="all")
    for i in range(heaps):
        state = states[i % depth]
        if state[3] is not None:
            await state[3]
        state[0].fill(np.int64(i).astype(np.int8))
        state[1][()] = i * size
        state[3] = stream.async_send_heap(first if i == 0 else state[2])
    for state in states:
        if state[3] is not None:
            await state[3]


async def batched(stream, group):
    each = max(1, depth // 2)
    states = []
    for _ in range(2):
        samples, timestamps = np.ones((each, size), np.int8), np.zeros(each, ">u8")
        made = [heap_of(group, timestamps[j:j + 1].reshape(()), samples[j], descriptors="none", data="all")
                for j in range(each)]
        references = spead2.send.HeapReferenceList([spead2.send.HeapReference(heap) for heap in made])
        states.append([samples, timestamps, references, None])
    await stream.async_send_heap(group.get_heap(descriptors="all", data="none"))
    for k, i in enumerate(range(0, heaps, each)):
        n = min(each, heaps - i)
        state = states[k % 2]
        if state[3] is not None:
            await state[3]
        state[0][:n] = np.arange(i, i + n).astype(np.int8)[:, np.newaxis]
        state[1][:n] = np.arange(i, i + n, dtype=np.int64) * size
        state[3] = stream.async_send_heaps(state[2] if n == each else state[2][:n], spead2.send.GroupMode.SERIAL)
    for state in states:
        if state[3] is not None:
            await state[3]


async def main():
    most = depth if mode != "batch" else max(2, depth // 2 * 2)
    config = spead2.send.StreamConfig(rate=0.0, max_heaps=most, max_packet_size=packet)
    stream = spead2.send.asyncio.UdpStream(spead2.ThreadPool(), [(host, port)], config)
    group = new_group()
    start = time.perf_counter()
    await {"off": anew, "on": reused, "batch": batched}[mode](stream, group)
    took = time.perf_counter() - start
    await stream.async_send_heap(group.get_end())
    print(f"Sent {heaps * size} bytes in {took:.6f} s, {heaps * size / took / 1e6:.2f} MB/s")


asyncio.run(main())

"""LZ4 frames as python's lz4.frame has them.

lz4_frames.py read FRAME CONTENT     the frame decompresses to the content
lz4_frames.py write CONTENT FOLDER   writes frames of it, one for each set of options
lz4_frames.py time CONTENT FRAME     compresses from file to file, and prints the seconds that took
"""

import itertools
import pathlib
import sys
import time

import lz4.frame


def read(frame, content):
    found = lz4.frame.decompress(pathlib.Path(frame).read_bytes())
    if found != pathlib.Path(content).read_bytes():
        sys.exit(f"{frame}: the bytes differ")


def write(content, folder):
    data = pathlib.Path(content).read_bytes()
    sizes = [
        lz4.frame.BLOCKSIZE_MAX64KB,
        lz4.frame.BLOCKSIZE_MAX256KB,
        lz4.frame.BLOCKSIZE_MAX1MB,
        lz4.frame.BLOCKSIZE_MAX4MB,
    ]
    for number, (linked, checks, sized) in enumerate(itertools.product([False, True], repeat=3)):
        frame = lz4.frame.compress(
            data,
            block_linked=linked,
            block_checksum=checks,
            content_checksum=checks,
            store_size=sized,
            block_size=sizes[number % 4],
            compression_level=[-5, 0, 3, 9][number % 4],
        )
        (pathlib.Path(folder) / f"python-{number}.lz4").write_bytes(frame)


def measure(content, frame):
    start = time.perf_counter()
    with open(content, "rb") as source, open(frame, "wb") as target:
        target.write(lz4.frame.compress(source.read(), block_linked=False, store_size=False))
    print(time.perf_counter() - start)


if __name__ == "__main__":
    {"read": read, "write": write, "time": measure}[sys.argv[1]](*sys.argv[2:])

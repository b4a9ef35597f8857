"""How fast this machine reads memory: GB/s on stdout. Needs NumPy.

usage: python bandwidth.py THREADS
The best of several sums, maxima and dot products over one GB, each thread over its own part.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # the threads are ours

import numpy as np


def main() -> None:
    threads = int(sys.argv[1])
    data = np.ones(1 << 28, np.float32)
    parts = np.array_split(data, threads)
    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(8):
            for read in (np.sum, np.max, lambda part: np.dot(part, part)):
                start = time.perf_counter()
                list(pool.map(read, parts))
                best = max(best, data.nbytes / (time.perf_counter() - start) / 1e9)
    print(best)


if __name__ == "__main__":
    main()

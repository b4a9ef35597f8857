"""Black and white pictures in JBIG2 code (ITU-T T.88), without loss: a third smaller than fax code.

In: an array. Out: the segments that PDF's JBIG2Decode takes: a page and one generic region, arithmetically
coded. Every pixel is coded as it is; nothing is taken for a letter that was seen before, which is where other
programs exchange figures. Knows no PDF.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

# T.88, table E.1: probability of the less probable symbol, state after the more and after the less probable
# one, whether the two change places.
_STATES = (
    (0x5601, 1, 1, 1), (0x3401, 2, 6, 0), (0x1801, 3, 9, 0), (0x0AC1, 4, 12, 0), (0x0521, 5, 29, 0),
    (0x0221, 38, 33, 0), (0x5601, 7, 6, 1), (0x5401, 8, 14, 0), (0x4801, 9, 14, 0), (0x3801, 10, 14, 0),
    (0x3001, 11, 17, 0), (0x2401, 12, 18, 0), (0x1C01, 13, 20, 0), (0x1601, 29, 21, 0), (0x5601, 15, 14, 1),
    (0x5401, 16, 14, 0), (0x5101, 17, 15, 0), (0x4801, 18, 16, 0), (0x3801, 19, 17, 0), (0x3401, 20, 18, 0),
    (0x3001, 21, 19, 0), (0x2801, 22, 19, 0), (0x2401, 23, 20, 0), (0x2201, 24, 21, 0), (0x1C01, 25, 22, 0),
    (0x1801, 26, 23, 0), (0x1601, 27, 24, 0), (0x1401, 28, 25, 0), (0x1201, 29, 26, 0), (0x1101, 30, 27, 0),
    (0x0AC1, 31, 28, 0), (0x09C1, 32, 29, 0), (0x08A1, 33, 30, 0), (0x0521, 34, 31, 0), (0x0441, 35, 32, 0),
    (0x02A1, 36, 33, 0), (0x0221, 37, 34, 0), (0x0141, 38, 35, 0), (0x0111, 39, 36, 0), (0x0085, 40, 37, 0),
    (0x0049, 41, 38, 0), (0x0025, 42, 39, 0), (0x0015, 43, 40, 0), (0x0009, 44, 41, 0), (0x0005, 45, 42, 0),
    (0x0001, 45, 43, 0), (0x5601, 46, 46, 0),
)  # fmt: skip
# Template 1 (figure 4): the pixels before one that foretell it, (across, down), from the context's last bit.
# It learns faster than template 0, and pages of a few kilobytes are what this is for.
_TEMPLATE = 1
_BEFORE = (
    (-1, 0), (-2, 0), (-3, 0), (3, -1), (2, -1), (1, -1), (0, -1), (-1, -1), (-2, -1),
    (2, -2), (1, -2), (0, -2), (-1, -2),
)  # fmt: skip
_ADAPTIVE = (3, -1)
# The context of the bit before each line: whether it begins or ends a run of lines that are as the one above.
_LIKE_ABOVE = 0x0795
# Pixels of which the contexts are held at once, so that a large sheet takes little memory.
_AT_ONCE = 1 << 21
_PAGE, _REGION = 48, 39  # types of segments: page information, immediate lossless generic region


def jbig2(black: NDArray[np.bool_]) -> bytes:
    """A picture's segments.

    Args:
        black: [H, W], True where it is black, at least one pixel.
    """
    height, width = black.shape
    coder = _Coder()
    for contexts, bits in _symbols(black):
        coder.add(contexts, bits)
    page = struct.pack(">IIIIBH", width, height, 0, 0, 0x01, 0)
    # Its place on the page and how it is laid on it; template and prediction by lines; the adaptive pixel.
    region = struct.pack(">IIIIBBbb", width, height, 0, 0, 0, _TEMPLATE << 1 | 1 << 3, *_ADAPTIVE)
    parts = (_PAGE, page), (_REGION, region + coder.end())
    return b"".join(
        struct.pack(">IBBBI", number, kind, 0, 1, len(data)) + data
        for number, (kind, data) in enumerate(parts)
    )


def _symbols(black: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.uint16], NDArray[np.bool_]]]:
    """(contexts, bits) in the order in which they are coded, some lines at a time."""
    height, width = black.shape
    step = max(_AT_ONCE // width, 1)
    was_like_above = False
    for top in range(0, height, step):
        count = min(step, height - top)
        around = np.zeros((count + 2, width + 6), np.uint16)
        above = min(top, 2)
        around[2 - above :, 3:-3] = black[top - above : top + count]
        contexts = np.zeros((count, width + 1), np.uint16)
        for bit, (across, down) in enumerate(_BEFORE):
            contexts[:, 1:] |= around[2 + down : 2 + down + count, 3 + across : 3 + across + width] << bit
        contexts[:, 0] = _LIKE_ABOVE
        like_above = (around[2:] == around[1:-1]).all(axis=1)
        bits = np.empty((count, width + 1), bool)
        bits[:, 1:] = black[top : top + count]
        bits[:, 0] = like_above != np.r_[was_like_above, like_above[:-1]]
        was_like_above = bool(like_above[-1])
        coded = np.repeat(~like_above[:, None], width + 1, axis=1)
        coded[:, 0] = True
        yield contexts[coded], bits[coded]


class _Coder:
    """The arithmetic coder (T.88, annex E)."""

    def __init__(self) -> None:
        self._state, self._likelier = [0] * (1 << len(_BEFORE)), [False] * (1 << len(_BEFORE))
        self._out = bytearray(1)  # before the first byte, for its carry
        self._interval, self._code, self._room = 0x8000, 0, 12

    def add(self, contexts: NDArray[np.uint16], bits: NDArray[np.bool_]) -> None:
        """Code bits, each in its context; a run of the same is one step."""
        starts = np.flatnonzero(np.r_[True, (contexts[1:] != contexts[:-1]) | (bits[1:] != bits[:-1])])
        lengths = np.diff(np.r_[starts, len(bits)])
        state, likelier, interval, code = self._state, self._likelier, self._interval, self._code
        runs = zip(contexts[starts].tolist(), bits[starts].tolist(), lengths.tolist(), strict=True)
        for context, bit, left in runs:
            while left:
                rare, on_likely, on_rare, switch = _STATES[state[context]]
                if bit == likelier[context]:
                    free = min((interval - 0x8000) // rare, left)  # so many change no state
                    interval -= free * rare
                    code += free * rare
                    left -= free
                    if not left:
                        break
                    interval -= rare
                    if interval < rare:
                        interval = rare
                    else:
                        code += rare
                    state[context] = on_likely
                else:
                    interval -= rare
                    if interval < rare:
                        code += rare
                    else:
                        interval = rare
                    likelier[context] ^= switch
                    state[context] = on_rare
                left -= 1
                while interval < 0x8000:
                    interval <<= 1
                    code <<= 1
                    self._room -= 1
                    if not self._room:
                        code = self._byte_out(code)
        self._interval, self._code = interval, code

    def end(self) -> bytes:
        """What was coded: as many ones as fit, what is left, the marker that ends it."""
        code, most = self._code | 0xFFFF, self._code + self._interval
        if code >= most:
            code -= 0x8000
        for _ in range(2):
            code = self._byte_out(code << self._room)
        return bytes(self._out[1:]).removesuffix(b"\xff") + b"\xff\xac"

    def _byte_out(self, code: int) -> int:
        """The next byte, a carry into the last one; after 0xFF a bit is left out for the next carry."""
        out = self._out
        if out[-1] != 0xFF and code >= 0x8000000:
            out[-1] += 1
            code &= 0x7FFFFFF
        kept, self._room = (20, 7) if out[-1] == 0xFF else (19, 8)
        out.append(code >> kept)
        return code & ((1 << kept) - 1)

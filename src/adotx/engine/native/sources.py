"""Where the kernels' sources and library are, and a digest of the sources: which the library carries.

Imports nothing of adotx: `hatch_build.py` runs this file before adotx is installed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

FOLDER = Path(__file__).parent
LIBRARY = FOLDER / "libadotx_kernels.so"


def digest() -> str:
    """Of the C++ files; a library that was built from others is not used."""
    whole = hashlib.sha256()
    for path in sorted([*FOLDER.glob("*.cpp"), *FOLDER.glob("*.h")]):
        whole.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()

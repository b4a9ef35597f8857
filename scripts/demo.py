"""The demo: every page image of a folder through `adotx transcribe`, measured against the Markdown beside it.

In: a folder with NAME.png and NAME.md. Out: the Markdown, its character error rate (CER) and the seconds,
start of the program and loading of the model included. Exit code 1 where a CER is above 0.10.
"""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

MOST_CER = 0.10


def main(folder: Path) -> int:
    """Transcribe and measure the pages of `folder`; returns the exit code."""
    from adotx.evaluate.cer import cer

    pages = sorted(folder.glob("*.png"))
    if not pages:
        print(f"error: {folder}: no *.png here", file=sys.stderr)
        return 2
    worst = 0.0
    for page in pages:
        start = time.perf_counter()
        program = Path(sys.executable).with_name("adotx")
        done = subprocess.run(
            [program, "transcribe", page], stdout=subprocess.PIPE, encoding="utf-8", check=False
        )
        seconds = time.perf_counter() - start
        print(done.stdout)
        if done.returncode != 0:
            print(f"error: {page}: adotx ended with code {done.returncode}", file=sys.stderr)
            return 1
        error = cer(done.stdout, page.with_suffix(".md").read_text(encoding="utf-8"))
        worst = max(worst, error)
        print(f"{page}: CER {error:.4f} against {page.with_suffix('.md')}, {seconds:.1f} s in all")
    print(f"torch is {'' if find_spec('torch') else 'not '}installed here")
    if worst > MOST_CER:
        print(f"error: the CER is above {MOST_CER:.2f}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "examples")))

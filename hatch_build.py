"""Compiles the engine's CPU kernels when adotx is installed or packed: `pip install .`, `pip install -e .`.

In: src/adotx/engine/native/*.cpp. Out: libadotx_kernels.so beside them. Only on Linux x86-64 with g++ (or
$CXX); elsewhere, and where compiling fails, adotx is installed without and pip's output (-v) says so: its
engine then uses OpenVINO's own operations. `python hatch_build.py` compiles in place; OpenVINO must be
installed. A wheel that was packed here says in its tag which C library it needs, and runs its fastest kernels
where the processor has them: they are chosen when it is loaded.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from runpy import run_path

ROOT = Path(__file__).parent
SOURCES = run_path(str(ROOT / "src/adotx/engine/native/sources.py"))
FOLDER, LIBRARY = SOURCES["FOLDER"], SOURCES["LIBRARY"]
AVX512 = "-mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mfma -mf16c"
KERNELS = {
    "avx2": "-mavx2 -mavxvnni -mfma -mf16c",
    "avx512": AVX512,
    "avx512_bf16": f"{AVX512} -mavx512bf16",
    "amx": f"{AVX512} -mavx512bf16 -mamx-tile -mamx-int8",
}
# GCC 12 warns of its own intrinsics.
COMMON = (
    "-O3 -std=c++17 -fPIC -Wall -Wextra -Wno-unused-parameter -Wno-uninitialized -Wno-maybe-uninitialized"
)

#: GLIBCXX_3.4.N of the C++ library -> manylinux_2_M, the first of which promises it (PEP 600, auditwheel)
MANYLINUX = {22: 24, 24: 27, 28: 31, 29: 34, 30: 35, 33: 39}


def compiler() -> str | None:
    """The C++ compiler, where this is a machine that the kernels are for."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return None
    return shutil.which(os.environ.get("CXX", "g++"))


def build() -> None:
    """Compile to LIBRARY, which appears whole or not at all.

    Raises:
        RuntimeError: no compiler, or it failed; the message is its own.
    """
    command, spec = compiler(), find_spec("openvino")
    if not command or not spec or not spec.submodule_search_locations:
        raise RuntimeError("needs Linux on x86-64, g++ and OpenVINO")
    openvino = Path(next(iter(spec.submodule_search_locations)))
    library = next(openvino.glob("libs/libopenvino.so.*"), None)
    if library is None:
        raise RuntimeError(f"no libopenvino.so in {openvino}")
    with tempfile.TemporaryDirectory(dir=FOLDER) as work:
        include, digest = ("-isystem", f"{openvino}/include"), f'-DADOTX_SOURCES="{SOURCES["digest"]()}"'
        jobs: dict[str, tuple[str, ...]] = {
            "extension": (*include, digest, str(FOLDER / "extension.cpp")),
            "layers": (*include, str(FOLDER / "layers.cpp")),
            "dispatch": (str(FOLDER / "dispatch.cpp"),),
            "guard": (str(FOLDER / "guard.cpp"),),
        }
        for name, flags in KERNELS.items():
            jobs[name] = (*flags.split(), f"-DKERNELS={name}", str(FOLDER / "kernels.cpp"))

        def compile_one(name: str) -> str:
            _run(command, *COMMON.split(), *jobs[name], "-c", "-o", f"{work}/{name}.o")
            return f"{work}/{name}.o"

        with ThreadPoolExecutor() as pool:
            # The kernels last: of functions that several files hold, the linker takes the first, and only
            # the others' need no more than any x86-64 processor has.
            objects = list(pool.map(compile_one, jobs))
        made = f"{work}/{LIBRARY.name}"
        _run(command, "-shared", "-o", made, *objects, str(library), str(openvino / "libs/libtbb.so.12"))
        os.replace(made, LIBRARY)


def platform_tag(library: bytes, glibc: str) -> str:
    """Where a library runs, as the last part of a wheel's tag.

    OpenVINO's libraries, which it needs too, come with the wheel that adotx depends on.

    Args:
        library: the file.
        glibc: version of the C library here; where that is older than what the tag would say, or is another
            one, the wheel is for this machine alone.
    """
    needs = {
        name: max((int(found) for found in re.findall(pattern, library)), default=0)
        for name, pattern in (("C", rb"\0GLIBC_2\.(\d+)"), ("C++", rb"\0GLIBCXX_3\.4\.(\d+)"))
    }
    promised = [minor for has, minor in MANYLINUX.items() if has >= needs["C++"]]
    here = re.fullmatch(r"2\.(\d+)", glibc)
    if here and promised and int(here[1]) >= (least := max(needs["C"], promised[0])):
        return f"manylinux_2_{least}_{platform.machine()}"
    return f"linux_{platform.machine()}"


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout[-2000:]}")


def _glibc() -> str:
    name, version = platform.libc_ver()
    return version if name == "glibc" else ""


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # `python hatch_build.py` outside of a build
    pass
else:

    class KernelsHook(BuildHookInterface):
        """See this file's beginning."""

        def dependencies(self) -> list[str]:
            """What to compile against: the version that adotx itself depends on."""
            project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
            return [x for x in project["dependencies"] if x.startswith("openvino")] if compiler() else []

        def initialize(self, version: str, build_data: dict) -> None:
            try:
                build()
            except (RuntimeError, OSError) as error:
                LIBRARY.unlink(missing_ok=True)
                self.app.display_warning(f"adotx: CPU kernels not built, OpenVINO's will be used: {error}")
                return
            build_data["artifacts"].append(f"/{LIBRARY.relative_to(ROOT)}")
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{platform_tag(LIBRARY.read_bytes(), _glibc())}"


if __name__ == "__main__":
    build()
    print(LIBRARY)

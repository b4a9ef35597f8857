"""Get fonts, when asked to: OFL packages from the npm registry, free fonts from Debian, into one folder.

In: a folder, package names. Out: font files below it (``npm/NAME``, ``debian/NAME``), each package with its
licence text. Uses the ordinary clients (npm, apt-get, dpkg-deb) as this machine has them set up; knows no
registry address, and is never called by anything but its own command.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from adotx.errors import AdotxError, Sentence

_FONTSOURCE = (
    "bagel-fat-one black-han-sans cute-font diphylleia do-hyeon dongle east-sea-dokdo gaegu "
    "gamja-flower gasoek-one gothic-a1 gowun-batang gowun-dodum grandiflora-one gugi hahmlet "
    "hi-melody ibm-plex-sans-kr jua kirang-haerang moirai-one nanum-brush-script nanum-gothic "
    "nanum-gothic-coding nanum-myeongjo nanum-pen-script noto-sans-kr noto-serif-kr orbit poor-story "
    "single-day song-myung stylish sunflower yeon-sung"
)
NPM_FONTS: tuple[str, ...] = (*(f"@fontsource/{name}" for name in _FONTSOURCE.split()), "pretendard")
DEBIAN_FONTS: tuple[str, ...] = (
    "fonts-nanum",
    "fonts-nanum-extra",
    "fonts-noto-cjk",
    "fonts-naver-d2coding",
    "fonts-baekmuk",
    "fonts-woowa-bm",
)


def fetch_fonts(
    folder: str | Path,
    npm: Sequence[str] = NPM_FONTS,
    debian: Sequence[str] = DEBIAN_FONTS,
    say: Callable[[str], None] = print,
) -> list[Path]:
    """Download and unpack font packages below `folder`; packages that are already there are left alone.

    Args:
        folder: made if absent; give it to `adotx.data.fonts.find_fonts` afterwards.
        npm: npm package names. Skipped, and said so, where there is no npm.
        debian: Debian package names. Skipped, and said so, where there is no apt-get.
        say: called with one line (a `Sentence`) for every package.

    Returns:
        The folders of the packages that are there now.

    Raises:
        AdotxError: ``fonts.fetch``: no package could be downloaded.
    """
    folder = Path(folder).resolve()  # the clients run elsewhere
    folder.mkdir(parents=True, exist_ok=True)
    there: list[Path] = []
    for names, tool, place, get in ((npm, "npm", "npm", _npm), (debian, "apt-get", "debian", _debian)):
        if names and not shutil.which(tool):
            say(Sentence("{tool} is not installed: {count} packages skipped", tool=tool, count=len(names)))
            continue
        for number, name in enumerate(names, 1):
            target = folder / place / name.rpartition("/")[2]
            at = f"[{number}/{len(names)}] {name}"
            if target.is_dir():
                say(Sentence("{package}: already there", package=at))
            elif problem := _unpacked(get, name, target):
                say(Sentence("{package}: {problem}", package=at, problem=problem))
                continue
            else:
                say(Sentence("{package}: done", package=at))
            there.append(target)
    if not there:
        raise AdotxError(
            "fonts.fetch",
            "no font package could be downloaded",
            str(folder),
            "install npm or run apt-get update first",
        )
    return there


def _unpacked(get: Callable[[str, Path, Path], str | None], name: str, target: Path) -> str | None:
    """Get one package into `target`, whole or not at all; returns what went wrong."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        part = Path(scratch) / "part"
        part.mkdir()
        try:
            problem = get(name, Path(scratch), part)
        except (OSError, tarfile.TarError) as error:
            problem = str(error)
        if not problem:
            part.replace(target)
        return problem


def _npm(name: str, scratch: Path, target: Path) -> str | None:
    problem = _run(["npm", "pack", "--loglevel", "error", "--pack-destination", str(scratch), name], scratch)
    packed = next(iter(scratch.glob("*.tgz")), None)
    if problem or not packed:
        return problem or "npm pack wrote no archive"
    count = 0
    with tarfile.open(packed) as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            wanted = path.match("*-korean-*-normal.woff2") or path.match("public/static/*.otf")
            if member.isfile() and (wanted or path.name in ("LICENSE", "LICENSE.txt", "package.json")):
                data = archive.extractfile(member)
                assert data is not None
                # The bare name only: nothing in an archive decides where we write.
                (target / path.name).write_bytes(data.read())
                count += bool(wanted)
    return None if count else "no Korean font file in the package"


def _debian(name: str, scratch: Path, target: Path) -> str | None:
    problem = _run(["apt-get", "download", "-qq", name], scratch)
    packed = next(iter(scratch.glob("*.deb")), None)
    if problem or not packed:
        return problem or "apt-get download wrote no package"
    return _run(["dpkg-deb", "-x", str(packed), str(target)], scratch)


def _run(command: list[str], folder: Path) -> str | None:
    """Run a client; None, or the first line it complained with."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    lines = (done.stderr or done.stdout).strip().splitlines()
    return f"{command[0]} failed: {lines[0] if lines else f'exit code {done.returncode}'}"

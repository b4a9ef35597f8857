"""`adotx tokens`: an image or a text in, how many tiles and tokens it takes and why on stdout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

from adotx.cli import DONE
from adotx.cli.strings import language, text
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.checkpoint import AxTokenizer, TileRule

TEXT_SUFFIXES = {".txt", ".md"}
IMAGE_SUFFIXES = {
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".gif",
    ".bmp",
    ".tif",
    ".tiff",
    ".ppm",
    ".jp2",
    ".avif",
}
MAX_PIECES = 200
#: Columns of the headings.
_HEADING = 10


def tokens(what: str, model: str, online: bool) -> int:
    """Explain `what`; returns the exit code."""
    from adotx.checkpoint import open_checkpoint

    path = _as_path(what)
    checkpoint = open_checkpoint(model, online=online)
    if path is not None and path.suffix.lower() not in TEXT_SUFFIXES:
        from adotx.vision import open_image

        image = open_image(path)
        rule = checkpoint.config.tiles
        if rule is None:
            raise AdotxError(
                "tokens.no_vision", "this checkpoint reads text only", model, "use a VL checkpoint"
            )
        print("\n".join(explain_image(*image.size, rule)))
        return DONE
    content = what if path is None else _read(path)
    print("\n".join(explain_text(content, checkpoint.tokenizer, checkpoint.name)))
    return DONE


def explain_image(width: int, height: int, rule: TileRule) -> list[str]:
    """Lines that say how many tiles and tokens an image of this size in pixels takes, and why."""
    from adotx.cli.errors import in_language
    from adotx.vision import explanation

    chosen = language()
    rows = [[in_language(said, chosen) for said in row] for row in explanation(width, height, rule)]
    return [heading + " " * (_HEADING - _columns(heading)) + what for heading, what in rows]


def _columns(text: str) -> int:
    """The width of `text` on a terminal, where Hangul takes two columns."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def explain_text(content: str, tokenizer: AxTokenizer, name: str) -> list[str]:
    """Lines that say how many tokens `content` takes and what they are; no template around it is counted."""
    ids = tokenizer.encode(content)
    head = text(
        "tokens.text",
        characters=len(content),
        bytes=len(content.encode("utf-8", "surrogateescape")),
        tokens=len(ids),
        per_token=len(content) / max(len(ids), 1),
        name=name,
        vocabulary=tokenizer.vocab_size,
    )
    pieces = " ".join(_piece(tokenizer.token_bytes(token)) for token in ids[:MAX_PIECES])
    lines = [head, text("tokens.pieces", pieces=pieces)]
    if len(ids) > MAX_PIECES:
        lines.append(text("tokens.more", count=len(ids) - MAX_PIECES))
    return lines


def _piece(data: bytes) -> str:
    """One token as it is printed: quoted text, or hex where it is a part of a character."""
    try:
        return repr(data.decode())
    except UnicodeDecodeError:
        return f"<{data.hex()}>"


def _as_path(what: str) -> Path | None:
    """The file that `what` names; None where it is text. A name with an image's suffix is never text."""
    path = Path(what)
    try:
        here = path.is_file()
    except (OSError, ValueError):  # too long for a file name, or with a NUL: surely text
        return None
    if not here and path.suffix.lower() in IMAGE_SUFFIXES and "\n" not in what:
        raise AdotxError("file.missing", "no such file", what, "check the path")
    return path if here else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise AdotxError(
            "input.encoding",
            "not UTF-8: {reason}",
            str(path),
            "convert it to UTF-8",
            reason=error.reason,
        ) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise AdotxError("file.unreadable", "cannot be read: {reason}", str(path), reason=reason) from None

"""One peer in its own environment: documents in, what it makes of each out. Imports nothing but the peer.

usage: PYTHON worker.py PEER OUT FILE...

Writes OUT/NAME.md (its Markdown, or its text where it has none), OUT/NAME.tables.json (its tables where they
are no part of the text: rows of cells) and, on stdout, one line of JSON: seconds of the import; wall and CPU
seconds and the error of each file; the most memory in bytes. A peer is called as its own documentation calls
it, without OCR: the documents have text.
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

Convert = Callable[[Path], "tuple[str, list | None]"]


def markitdown() -> Convert:
    from markitdown import MarkItDown

    program = MarkItDown(enable_plugins=False)
    return lambda path: (program.convert_local(str(path)).text_content, None)


def docling() -> Convert:
    from docling.datamodel.base_models import InputFormat
    from docling.datamodel.pipeline_options import PdfPipelineOptions
    from docling.document_converter import DocumentConverter, PdfFormatOption

    options = PdfPipelineOptions(do_ocr=False)
    program = DocumentConverter(format_options={InputFormat.PDF: PdfFormatOption(pipeline_options=options)})
    return lambda path: (program.convert(path).document.export_to_markdown(), None)


def kreuzberg() -> Convert:
    from kreuzberg import ExtractionConfig, extract_file_sync

    config = ExtractionConfig(output_format="markdown", use_cache=False)
    return lambda path: (extract_file_sync(str(path), config=config).content, None)


def pymupdf4llm() -> Convert:
    import pymupdf4llm as program

    return lambda path: (program.to_markdown(str(path)), None)


def pdfplumber() -> Convert:
    import pdfplumber as program

    def convert(path: Path) -> tuple[str, list]:
        with program.open(path) as pdf:
            texts, tables = [], []
            for page in pdf.pages:
                texts.append(page.extract_text() or "")
                tables += page.extract_tables()
        return "\n\n".join(texts), tables

    return convert


def unstructured() -> Convert:
    from unstructured.partition.auto import partition

    return lambda path: ("\n\n".join(str(each) for each in partition(str(path), strategy="fast")), [])


def python_hwpx() -> Convert:
    from hwpx.document import HwpxDocument

    return lambda path: (HwpxDocument.open(str(path)).export_rich_markdown(), None)


def mineru() -> Convert:
    from mineru.cli.common import do_parse

    def convert(path: Path) -> tuple[str, None]:
        folder = Path(sys.argv[2]) / "mineru"
        do_parse(
            str(folder), [path.stem], [path.read_bytes()], ["korean"], backend="pipeline", parse_method="txt"
        )
        return next(folder.rglob(f"{path.stem}.md")).read_text(encoding="utf-8"), None

    return convert


def adotx() -> Convert:
    """The command itself: text layers and packages ask no model; it would be loaded for a picture."""
    from adotx.cli import run

    def convert(path: Path) -> tuple[str, None]:
        target = Path(sys.argv[2]) / f"{path.name}.adotx.md"
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            code = run(["transcribe", str(path), "-o", str(target), "--force"])
        if code == 2 or not target.exists():
            raise RuntimeError(said.getvalue().strip())
        return target.read_text(encoding="utf-8"), None

    return convert


PEERS = {
    each.__name__.replace("python_hwpx", "python-hwpx"): each
    for each in (
        adotx,
        docling,
        kreuzberg,
        markitdown,
        mineru,
        pdfplumber,
        pymupdf4llm,
        python_hwpx,
        unstructured,
    )
}


def main() -> None:
    name, out, files = sys.argv[1], Path(sys.argv[2]), [Path(each) for each in sys.argv[3:]]
    out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    convert = PEERS[name]()
    result: dict[str, object] = {"import": time.perf_counter() - start}
    each: dict[str, dict[str, object]] = {}
    for path in files:
        wall, cpu = time.perf_counter(), _cpu()
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                text, tables = convert(path)
            (out / f"{path.name}.md").write_text(text, encoding="utf-8")
            if tables is not None:
                (out / f"{path.name}.tables.json").write_text(json.dumps(tables), encoding="utf-8")
            error = None
        except Exception as raised:  # whatever a peer raises is its answer
            error = f"{type(raised).__name__}: {raised}"
        each[path.name] = {"wall": time.perf_counter() - wall, "cpu": _cpu() - cpu, "error": error}
    result["files"] = each
    result["peak"] = 1024 * sum(resource.getrusage(who).ru_maxrss for who in _WHO)
    print(json.dumps(result, ensure_ascii=False))


_WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _cpu() -> float:
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, _WHO))


if __name__ == "__main__":
    main()

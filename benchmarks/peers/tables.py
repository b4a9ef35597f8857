"""The report of `benchmarks/engine.py` as tables on stdout, and the machine it was measured on."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    processor = dict(
        line.split(":", 1)
        for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
        if ":" in line
    )
    processor = {name.strip(): value.strip() for name, value in processor.items()}
    flags = [
        flag for flag in processor.get("flags", "").split() if flag.startswith(("avx512", "amx", "avx_vnni"))
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    git = ["git", "-C", str(Path(__file__).resolve().parent)]
    commit = subprocess.run(
        [*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    changed = subprocess.run(
        [*git, "status", "--porcelain", ":/src"], capture_output=True, text=True
    ).stdout.strip()
    return {
        "processor": processor.get("model name", platform.processor()),
        "cores": os.cpu_count(),
        "flags": flags,
        "memory GB": round(memory / 1e9, 1),
        "load before": os.getloadavg()[0],
        "python": platform.python_version(),
        "commit": commit + (" and changes in src" if changed else ""),
        "command": shlex.join([Path(sys.executable).name, *sys.argv]),
    }


def table(title: str, header: list[str], rows: list[list[object]]) -> None:
    """A Markdown table on stdout."""

    def show(cell: object) -> str:
        return str(cell) if not isinstance(cell, float) else f"{cell:.3g}" if cell < 100 else f"{cell:.0f}"

    cells = [header, *([show(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    print(f"\n{title}\n")
    for number, row in enumerate(cells):
        print("|", " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)), "|")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def tell(report: dict) -> None:
    """The report as tables."""
    options, engines = report["settings"], list(report["engines"])
    for scenario, by_count in (
        ("streams", report["streams"]),
        ("arrival", {"running": report["arrival"]}),
    ):
        rows = [
            [count, label, *entry["median"].values()]
            for count, of in by_count.items()
            for label, entry in of.items()
        ]
        if rows:
            names = next(list(entry["median"]) for of in by_count.values() for entry in of.values())
            title = f"{scenario}: {options['shape']}, {options['prompt']} prompt tokens, {options['new']} new"
            title += f", then {options['long']} prompt tokens arrive" if scenario == "arrival" else ""
            table(
                f"{title}, medians of {options['rounds']} alternating rounds",
                ["streams", "engine", *names],
                rows,
            )
    for figure, of_figure in report["ratios"].items():
        rows = [
            [count, label, *(of.get(other, "-") for other in engines)]
            for count, by_label in of_figure.items()
            for label, of in by_label.items()
        ]
        if rows:
            table(f"ratios: {figure}, ours / other", ["streams", "ours", *engines], rows)
    pages = {label: entry["median"] for label, entry in report["page"].items() if "median" in entry}
    if pages:
        names = list(next(iter(pages.values())))
        rows = [[label, *entry.values()] for label, entry in pages.items()]
        table("page: seconds to the first token, two questions on one page, nano", ["engine", *names], rows)
    if shares := report["shares"]:
        rows = [[label, *share.values()] for label, share in shares.items()]
        title = "bandwidth: one stream, medians of rounds right after reading the memory"
        table(title, ["engine", *next(iter(shares.values()))], rows)
    print()
    for label, entry in [*report["engines"].items(), *report["page"].items()]:
        for name in ("versions", "load s", "load error", "run error", "error"):
            if entry.get(name):
                print(f"{label}: {name} {entry[name]}")
    for name, value in report["machine"].items():
        print(f"{name}: {value}")

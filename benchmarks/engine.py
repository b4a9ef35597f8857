"""Our embedded engine against its peers, on the same random weights, in one run, alternating.

    python benchmarks/engine.py --build-peers            # once: their virtual environments
    python benchmarks/engine.py --shape 0.45b --weights int8 int4 --json result.json

In: a shape (random weights of it are made once) and what to compare. Out: tables on stdout, and all of it as
JSON. Every engine is a process of its own that loads once (`peers/`, where each one's settings are written
down). In each round all engines run the same new random prompts one after the other; whoever does not run is
stopped (SIGSTOP), so nobody's idle threads disturb the others. Figures are medians of the rounds. Greedy,
past any end token, no speculation; before the first round each engine runs once unmeasured. Linux only.

What the figures mean, n streams starting together with P prompt and N new tokens each:
    decode tok/s   all streams' tokens per second, from when the last stream has its first token until the
                   first one has nine tenths of its tokens: the time in which exactly n streams decode; where
                   there is no such time, from the very first token to the last ("together" is 0 then)
    whole tok/s    n * N / the time until the last token, prompts included
    prompt tok/s   n * P / the time until every stream has its first token
    first s        median over the streams of the time to the first token
    p50, p95 ms    between a stream's neighbouring tokens
    peak MB        high-water marks of the resident memory of the engine's processes so far, added up

Scenarios: `streams` (the above); `arrival` (8 streams run when one long prompt arrives; p50 is theirs over
the whole run, "during" from its arrival to its first token); `page` (a second question on the same page
image; the bundled nano, our engine alone); `bandwidth` (the share of the memory bandwidth that one stream of
ours uses; the bandwidth is measured right before each of its rounds, for that of virtual machines changes).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))
from figures import arrival_figures, figures, medians, ratios, weight_bytes
from install import FOLDER, PEERS, build_peer, make_worker
from process import EngineFailed, Worker
from tables import machine, tell

from engine_checkpoints import NANO_TEXT, TINY_TEXT, write_checkpoint

ROOT = Path(__file__).resolve().parent.parent
TEXT = {
    **TINY_TEXT, "architectures": ["Qwen2ForCausalLM"], "torch_dtype": "bfloat16", "hidden_act": "silu",
    "bos_token_id": 0, "max_position_embeddings": 8192,
}  # fmt: skip
SHAPES = {
    "0.45b": {
        **TEXT, "hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14,
        "num_key_value_heads": 2, "intermediate_size": 4864, "vocab_size": 102400,
    },
    "nano": {**NANO_TEXT, **{key: TEXT[key] for key in TEXT if key not in TINY_TEXT}, "num_hidden_layers": 5},
    "tiny": TEXT,
}  # fmt: skip
QUESTIONS = ["이 문서의 제목은 무엇인가요?", "이 문서에 나온 날짜를 모두 적어 주세요."]
RUNNING = 8  # streams that run when the long prompt arrives


def say(*words: object) -> None:
    print(time.strftime("%H:%M:%S"), *words, file=sys.stderr, flush=True)


# Measuring


def prompts(count: int, length: int, vocabulary: int, *seed: object) -> list[list[int]]:
    """Random ids, other ones for every seed."""
    draw = random.Random(repr(seed))
    return [[draw.randrange(30, vocabulary) for _ in range(length)] for _ in range(count)]


class Bench:
    """The engines of one run and what they have shown; `report` is what becomes the JSON file."""

    def __init__(self, options: argparse.Namespace, report: dict) -> None:
        self.options, self.report = options, report
        self.workers: dict[str, Worker] = {}
        self.bandwidth: dict[str, list[float]] = {}  # GB/s before each round of one stream
        self.vocabulary = SHAPES[options.shape]["vocab_size"]

    def attempt(self, label: str, do: str, **arguments: Any) -> dict | None:
        """The worker's answer; None where it fails, with the error in the report."""
        try:
            return self.workers[label].ask(do, **arguments)
        except EngineFailed as error:
            say(label, do, "failed:", error)
            self.report["engines"][label][f"{do} error"] = str(error)
            return None

    def load(self, checkpoint: Path) -> None:
        options = self.options
        context = max(options.prompt + 2 * options.new, options.long + 1)
        pythons = dict(item.split("=", 1) for item in options.python)
        for label in self.report["engines"]:
            say("loading", label)
            own = {"settings": our_settings(options)} if label.startswith("ours") else {}
            entry, start = self.report["engines"][label], time.perf_counter()
            try:
                self.workers[label] = make_worker(label, pythons, options.work)
            except EngineFailed as error:
                entry["load error"] = str(error)
                continue
            entry["versions"] = self.attempt(
                label, "load", checkpoint=str(checkpoint), weights=label.split()[1],
                threads=options.threads, context=context, streams=max(*options.streams, RUNNING + 1), **own,
            )  # fmt: skip
            entry["load s"] = time.perf_counter() - start
            if entry["versions"] is None:
                self.workers.pop(label).close()

    def rounds(
        self, name: str, streams: list[list[dict]], figure: Callable, read: bool = False
    ) -> dict[str, dict]:
        """{label: {"median", "rounds"}}: the engines run each round in turn; the first does not count.

        `read`: before each of ours, measure how fast the memory is read.
        """
        measured: dict[str, list[dict]] = {label: [] for label in self.workers}
        for number, round_streams in enumerate(streams):
            for label in list(measured):
                say(name, "warm-up" if number == 0 else f"round {number}", label)
                if read and number and label.startswith("ours"):
                    self.bandwidth.setdefault(label, []).append(read_bandwidth(self.options.threads))
                result = self.attempt(label, "run", streams=round_streams)
                if result is None:
                    del measured[label]
                elif number:
                    measured[label].append({**figure(result), "peak MB": self.workers[label].peak()})
        return {label: {"median": medians(rounds), "rounds": rounds} for label, rounds in measured.items()}

    def streams(self, count: int) -> dict[str, dict]:
        options = self.options
        rounds = [
            [
                {"ids": ids, "new": options.new if number else min(options.new, 8)}
                for ids in prompts(count, options.prompt, self.vocabulary, count, number)
            ]
            for number in range(options.rounds + 1)
        ]
        return self.rounds(
            f"{count} streams,",
            rounds,
            lambda result: figures(result["times"], options.prompt),
            read=count == 1 and "bandwidth" in options.scenarios,
        )

    def arrival(self) -> dict[str, dict]:
        options, rounds = self.options, []
        for number in range(options.rounds + 1):
            ids = prompts(RUNNING, options.prompt, self.vocabulary, "running", number)
            [late] = prompts(1, options.long, self.vocabulary, "late", number)
            running = [{"ids": one, "new": 2 * options.new, "streamed": True} for one in ids]
            rounds.append([*running, {"ids": late, "new": 1, "after": max(options.new // 4, 1)}])
        return self.rounds("arrival,", rounds, arrival_figures)

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()


def our_settings(options: argparse.Namespace) -> dict[str, object]:
    """What `--ours` says: mixed_tokens=64 kv_cache='"u8"'."""
    return {name: json.loads(value) for name, value in (item.split("=", 1) for item in options.ours)}


def ask_page(options: argparse.Namespace, label: str) -> dict[str, object]:
    """Seconds to the first token of two questions on one page image, by the bundled nano."""
    worker = make_worker(label, {}, options.work)
    try:
        say("page,", label)
        worker.ask(
            "load",
            checkpoint="nano",
            weights=label.split()[1],
            threads=options.threads,
            context=0,
            streams=16,
            settings=our_settings(options),
        )
        rounds = []
        for number in range(options.rounds + 1):
            # Rolled by a whole patch or more: every round has its own page, as hard to read as any other.
            asked = worker.ask("page", image=str(options.page), shift=16 * (number + 1), questions=QUESTIONS)
            first, second = asked.pop("first")
            rounds.append({**asked, "first s": first, "second s": second, "second / first": second / first})
        return {"median": medians(rounds[1:]), "rounds": rounds[1:]}
    except EngineFailed as error:
        return {"error": str(error)}
    finally:
        worker.close()


def read_bandwidth(threads: int) -> float:
    """GB/s that this machine reads, measured now."""
    command = [sys.executable, str(FOLDER / "bandwidth.py"), str(threads)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def add_shares(report: dict, checkpoint: Path) -> None:
    """How much of the memory bandwidth one stream's reading of our weights takes."""
    for label, entry in report["streams"].get("1", {}).items():
        if speeds := report["bandwidth"].get(label):
            size = weight_bytes(checkpoint, label.split()[1]) / 1e9
            pairs = list(zip(speeds, (one["decode tok/s"] for one in entry["rounds"]), strict=True))
            shares = medians([{"GB/s": a, "decode tok/s": b, "share": size * b / a} for a, b in pairs])
            report["shares"][label] = {"GB per token": size, **shares}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", choices=SHAPES, default="0.45b")
    parser.add_argument("--weights", nargs="*", default=["int8", "int4"], help="our weight formats")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), help="names, or NAME:WEIGHTS")
    parser.add_argument("--scenarios", nargs="*", default=["streams", "arrival", "page", "bandwidth"])
    parser.add_argument("--streams", nargs="*", type=int, default=[1, 8, 16])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompt", type=int, default=512, help="tokens of a prompt")
    parser.add_argument("--new", type=int, default=128, help="tokens that each stream decodes")
    parser.add_argument("--long", type=int, default=3000, help="tokens of the prompt that arrives")
    parser.add_argument(
        "--ours", nargs="*", default=[], metavar="NAME=VALUE", help="other settings of Engine.load, as JSON"
    )
    parser.add_argument("--page", type=Path, default=ROOT / "examples" / "page.png")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument(
        "--work", type=Path, default=cache / "adotx" / "benchmarks", help="checkpoints, peers, logs"
    )
    parser.add_argument("--python", nargs="*", default=[], metavar="PEER=PATH", help="ready interpreters")
    parser.add_argument(
        "--build-peers", action="store_true", help="build their virtual environments, no more"
    )
    parser.add_argument("--json", type=Path)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    if options.build_peers:
        for peer in options.peers:
            build_peer(peer.partition(":")[0], options.work)
        return
    labels = [f"ours {weights}" for weights in options.weights]
    for peer in options.peers:
        name, _, weights = peer.partition(":")
        labels.append(f"{name} {weights or PEERS[name].weights}")
    checkpoint = options.work / options.shape
    if not (checkpoint / "done").exists():
        write_checkpoint(checkpoint, SHAPES[options.shape], dtype="bfloat16")
        (checkpoint / "done").touch()
    report: dict = {
        "machine": machine(), "settings": {name: str(value) if isinstance(value, Path) else value
                                           for name, value in vars(options).items()},
        "engines": {label: {} for label in labels}, "streams": {}, "arrival": {}, "page": {}, "bandwidth": {},
        "shares": {},
    }  # fmt: skip
    # Stopped workers must not be left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        measure(options, checkpoint, report)
    finally:
        # Also after an interruption: what was measured until then.
        report["ratios"] = ratios(report)
        add_shares(report, checkpoint)
        if options.json:
            options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False))
        tell(report)


def measure(options: argparse.Namespace, checkpoint: Path, report: dict) -> None:
    """Run the scenarios, one after the other, into the report."""
    bench = Bench(options, report)
    try:
        bench.load(checkpoint)
        for count in options.streams if "streams" in options.scenarios else []:
            report["streams"][str(count)] = bench.streams(count)
        if "arrival" in options.scenarios:
            report["arrival"] = bench.arrival()
    finally:
        report["bandwidth"] = bench.bandwidth
        bench.close()
    for label in report["engines"] if "page" in options.scenarios else []:
        if label.startswith("ours"):
            report["page"][label] = ask_page(options, label)


if __name__ == "__main__":
    main()

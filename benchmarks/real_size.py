"""A checkpoint of a published shape with random weights: made, converted, loaded, asked; four figures.

usage: python benchmarks/real_size.py --config DIR --folder DIR [--weights int4] [--json FILE]

`--config` holds the published config.json and tokenizer files; `--folder` receives the checkpoint (bf16, as
large as the real one: 15.4 GB for A.X 4.0 VL Light) and its conversion. A checkpoint that is there already is
used again. Every stage runs in a process of its own, which reports its own peak of memory:

    convert   wall time, peak memory
    load      cold (the conversion's file dropped from the page cache) and warm
    answer    an image of two tiles and its thumbnail, a question, a few tokens
    decode    one stream; tokens/s beside what the memory bandwidth, measured in turns, would allow
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SHARDS = 4
# Random elements that all tensors are cut from; odd, so that rows of a matrix do not repeat.
POOL = (1 << 23) + 39
ANSWER_TOKENS, PROMPT_TOKENS, DECODE_TOKENS, ROUNDS = 8, 128, 24, 5


def make(config: Path, folder: Path) -> None:
    """Write the checkpoint: bf16 shards of about equal size, streamed tensor by tensor, and their index."""
    import ml_dtypes
    import numpy as np

    from adotx.checkpoint import expected_tensors, open_checkpoint

    folder.mkdir(parents=True, exist_ok=True)
    for path in config.iterdir():
        if path.is_file() and path.name != "model.safetensors.index.json":
            shutil.copyfile(path, folder / path.name)
    shapes = expected_tensors(open_checkpoint(folder).config)
    sizes = {name: 2 * int(np.prod(shape)) for name, shape in shapes.items()}
    total, begun, shards = sum(sizes.values()), 0, [[] for _ in range(SHARDS)]  # type: ignore[var-annotated]
    for name, size in sizes.items():
        shards[begun * SHARDS // total].append(name)
        begun += size
    pool = np.random.default_rng(0).standard_normal(POOL, dtype=np.float32)
    weight_map, start = {}, 0
    for number, names in enumerate(shards, 1):
        file = f"model-{number:05}-of-{SHARDS:05}.safetensors"
        offset, header = 0, {}
        for name in names:
            header[name] = {
                "dtype": "BF16", "shape": shapes[name], "data_offsets": [offset, offset + sizes[name]],
            }  # fmt: skip
            offset, weight_map[name] = offset + sizes[name], file
        encoded = json.dumps(header).encode()
        encoded += b" " * (-len(encoded) % 8)
        with (folder / file).open("wb") as out:
            out.write(len(encoded).to_bytes(8, "little") + encoded)
            for name in names:
                shape = shapes[name]
                if len(shape) == 1:
                    spread, middle = 0.1, float("norm" in name and name.endswith("weight"))
                else:
                    spread, middle = float(np.prod(shape[1:])) ** -0.5, 0.0
                values = (pool * np.float32(spread) + np.float32(middle)).astype(ml_dtypes.bfloat16)
                left = sizes[name] // 2
                while left:
                    piece = values[start : start + left]
                    out.write(piece.view(np.uint16).data)
                    left -= len(piece)
                    start = (start + len(piece)) % POOL
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


def memory() -> dict[str, float]:
    """This process's memory in GB: the peak, and what it is made of now."""
    names = {"VmHWM": "peak", "RssAnon": "anonymous", "RssFile": "file-backed"}
    lines = (line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return {names[key]: int(value.split()[0]) * 1024 / 1e9 for key, value in lines if key in names}


def stage_convert(folder: Path, weights: str) -> dict[str, Any]:
    """Convert; samples what the peak is made of while it goes on."""
    from adotx.checkpoint import open_checkpoint
    from adotx.engine.weights.convert import convert

    most: dict[str, float] = {}

    def watch(done: int, total: int) -> None:
        for key, value in memory().items():
            most[key] = max(most.get(key, 0), value)

    start = time.perf_counter()
    path = convert(open_checkpoint(folder), weights, progress=watch)
    seconds = time.perf_counter() - start
    size = sum(file.stat().st_size for file in path.iterdir())
    return {"seconds": seconds, "size": size / 1e9, "path": str(path), **most, **memory()}


def stage_load(folder: Path, weights: str, kv_cache: str, ask: bool) -> dict[str, Any]:
    """Load; then, if asked to, answer on an image and decode."""
    start = time.perf_counter()
    from adotx.checkpoint import open_checkpoint
    from adotx.engine import Engine

    checkpoint = open_checkpoint(folder)
    engine = Engine.load(checkpoint, weights, kv_cache=kv_cache or None, kv_memory=256 << 20)
    result: dict[str, Any] = {"seconds": time.perf_counter() - start, **memory()}
    return {**result, **_use(engine, checkpoint)} if ask else result


def _use(engine: Any, checkpoint: Any) -> dict[str, Any]:
    import numpy as np
    from PIL import Image

    from adotx.chat import render_for
    from adotx.engine import Request, SamplingParams
    from adotx.vision import pixels

    random = np.random.default_rng(0)
    result: dict[str, Any] = {}
    config = checkpoint.config
    if config.tiles is not None:
        side = config.tiles.tile_size
        picture = random.integers(0, 256, (side, 2 * side, 3), dtype=np.uint8)
        tiles = pixels(Image.fromarray(picture), config.tiles)
        message = {
            "role": "user",
            "content": [{"type": "image"}, {"type": "text", "text": "무엇이 보이나요?"}],
        }
        rendered = render_for(checkpoint, [message], tiles=[len(tiles)])
        sampling = SamplingParams(max_new_tokens=ANSWER_TOKENS, ignore_eos=True)
        start, times = time.perf_counter(), []
        with engine.stream(
            Request(rendered.ids, slots=rendered.places, images=[tiles], sampling=sampling)
        ) as stream:
            ids = []
            for token in stream:
                ids.append(token)
                times.append(time.perf_counter() - start)
        assert len(ids) == ANSWER_TOKENS and stream.output.finish_reason == "length"
        result["answer"] = {
            "tiles": len(tiles), "prompt": len(rendered.ids), "first": times[0], "seconds": times[-1],
            "memory": memory(),
        }  # fmt: skip
    ids = random.integers(1000, config.text.vocab_size, PROMPT_TOKENS).tolist()
    sampling = SamplingParams(max_new_tokens=DECODE_TOKENS, ignore_eos=True)
    result["rounds"] = []
    for _ in range(ROUNDS):  # both sides of the comparison in turns, for the machine's mood changes
        reads, steps, last = bandwidth(), [], 0.0
        with engine.stream(Request(ids, slots=[], sampling=sampling)) as stream:
            for number, _ in enumerate(stream):
                now = time.perf_counter()
                if number > 1:  # the first step is the prompt's, and the second still warms up
                    steps.append(now - last)
                last = now
        result["rounds"].append({"bandwidth": reads, "step": statistics.median(steps)})
    result["in use"] = memory()
    return result


def bytes_per_token(folder: Path, weights: str) -> int:
    """Weights that a decoding step reads: layers and output matrix, without tower and embedding table."""
    from adotx.checkpoint import open_checkpoint
    from adotx.engine.weights.formats import plan

    config = open_checkpoint(folder).config
    if weights not in ("int8", "int4"):
        raise SystemExit("--weights is int8 or int4 here")
    matrices = [
        m for m in plan(config, weights) if "vision_tower" not in m.name and "projector" not in m.name
    ]  # type: ignore[arg-type]
    return sum(
        dtype.itemsize * shape[0] * shape[1]
        for matrix in matrices
        for dtype, shape in zip(matrix.dtypes, matrix.shapes, strict=True)
    )


def forget(folder: Path) -> None:
    """Drop these files from the page cache, so that reading them means reading the disk."""
    for path in folder.rglob("*.safetensors"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def fresh(stage: str, *words: str) -> dict[str, Any]:
    """Run one stage of this script in a process of its own."""
    command = [sys.executable, __file__, "--stage", stage, *words]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def bandwidth() -> float:
    """GB/s that all cores together read."""
    script = Path(__file__).parent / "peers" / "bandwidth.py"
    command = [sys.executable, str(script), str(os.cpu_count())]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def table(result: dict[str, Any]) -> str:
    """The figures for people, Markdown."""
    convert, answer = result["convert"], result["warm"].get("answer")
    rows = [
        ("checkpoint, bf16", f"{result['checkpoint']:.1f} GB"),
        (f"conversion to {result['weights']}: size", f"{convert['size']:.2f} GB"),
        ("conversion: time", f"{convert['seconds']:.0f} s"),
        (
            "conversion: peak memory (most anonymous, most file-backed)",
            f"{convert['peak']:.2f} GB ({convert['anonymous']:.2f}, {convert['file-backed']:.2f})",
        ),
        ("load, file not in the page cache", f"{result['cold']['seconds']:.1f} s"),
        ("load, warm", f"{result['warm']['seconds']:.1f} s"),
        (
            "after loading: anonymous, file-backed, peak",
            ", ".join(f"{result['warm'][key]:.1f}" for key in ("anonymous", "file-backed", "peak")) + " GB",
        ),
    ]
    if answer:
        rows += [
            (
                f"answer: image of {answer['tiles']} tiles, {answer['prompt']} prompt tokens: first token",
                f"{answer['first']:.1f} s",
            ),
            (f"answer: {ANSWER_TOKENS} tokens", f"{answer['seconds']:.1f} s"),
        ]
    rows += [
        ("decode, one stream", f"{result['rate']:.2f} tokens/s"),
        ("weights read for a token", f"{result['bytes'] / 1e9:.2f} GB"),
        ("memory bandwidth, all cores reading", f"{result['bandwidth']:.1f} GB/s"),
        ("share of what the memory allows, median of rounds", f"{result['share']:.0%}"),
    ]
    return "\n".join(["| figure | measured |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--weights", default="int4")
    parser.add_argument("--kv-cache", default="")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--stage", choices=("make", "convert", "load", "ask"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    folder, weights = args.folder, args.weights
    match args.stage:
        case "make":
            make(args.config, folder)
            print(json.dumps(memory()))
        case "convert":
            print(json.dumps(stage_convert(folder, weights)))
        case "load" | "ask":
            print(json.dumps(stage_load(folder, weights, args.kv_cache, args.stage == "ask")))
    if args.stage:
        return
    words = ["--folder", str(folder), "--weights", weights, "--kv-cache", args.kv_cache]
    if not (folder / "model.safetensors.index.json").exists():
        if args.config is None:
            parser.error("--config is needed to make the checkpoint")
        fresh("make", "--config", str(args.config), *words)
    shutil.rmtree(folder / "adotx", ignore_errors=True)
    result: dict[str, Any] = {"weights": weights, "bytes": bytes_per_token(folder, weights)}
    result["checkpoint"] = sum(file.stat().st_size for file in folder.glob("*.safetensors")) / 1e9
    result["convert"] = fresh("convert", *words)
    forget(folder)
    result["cold"] = fresh("load", *words)
    result["warm"] = fresh("ask", *words)
    rounds = result["warm"]["rounds"]
    result["rate"] = statistics.median(1 / one["step"] for one in rounds)
    result["bandwidth"] = statistics.median(one["bandwidth"] for one in rounds)
    result["share"] = statistics.median(
        result["bytes"] / one["step"] / 1e9 / one["bandwidth"] for one in rounds
    )
    print(table(result))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Is a checkpoint whole and does it fit together: a directory in, a numbered report of ticks and crosses out.

Never raises for what it finds: an error of any part becomes a cross. Prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from adotx.checkpoint.config import ModelConfig, read_config
from adotx.checkpoint.contradictions import contradictions, disagreements, leftovers
from adotx.checkpoint.files import read_json_if_present
from adotx.checkpoint.memory import machine_memory, memory_estimate, readable_size
from adotx.checkpoint.names import expected_tensors, is_ignorable, parameter_count
from adotx.checkpoint.source import Checkpoint, find_checkpoint
from adotx.checkpoint.tensors import INDEX, TensorStore
from adotx.checkpoint.tokenizer import AxTokenizer
from adotx.errors import AdotxError
from adotx.vision.plan import plan

OK, NOTE, CROSS = "ok", "note", "cross"
_MARKS = {OK: "✓", NOTE: "!", CROSS: "✗"}

#: What a tokenizer has to give back unchanged.
SAMPLES = (
    "안녕하세요. 반갑습니다!",
    "  앞 공백과\n줄바꿈\t탭\r\n끝  ",
    "2025년 7월 3일, 3,500원 (부가세 10% 포함)",
    "漢字와 한글 mix English, ㄱㄴㄷ 뷁쀍",
    "| 항목 | 값 |\n|---|---|\n| `x_1` | 3.14 |",
    "🚀😶‍🌫️ é ½ ￦1,000",
)

#: A4 at 300 dots per inch, in pixels.
A4 = (2480, 3508)


@dataclass(frozen=True)
class Check:
    """One line of a report: `mark` is "ok", "note" (worth knowing, no fault) or "cross"."""

    mark: str
    title: str
    detail: str


@dataclass
class Report:
    """What `validate` found. `tensors` and `parameters` are counts, None where they could not be had."""

    source: str
    checks: list[Check] = field(default_factory=list)
    tensors: int | None = None
    parameters: int | None = None
    weights_absent: bool = False

    @property
    def ok(self) -> bool:
        """True where there is no cross."""
        return all(check.mark != CROSS for check in self.checks)

    @property
    def crosses(self) -> list[Check]:
        return [check for check in self.checks if check.mark == CROSS]

    def lines(self) -> list[str]:
        """The numbered report: one line a check and a last line with the verdict."""
        width = len(str(len(self.checks)))
        lines = [
            f"{i:>{width}} {_MARKS[check.mark]} {check.title}: {check.detail}"
            for i, check in enumerate(self.checks, 1)
        ]
        failed = len(self.crosses)
        verdict = "no fault found" if self.ok else f"{failed} fault{'s' if failed > 1 else ''} found"
        return [*lines, f"{self.source}: {verdict}"]

    def add(self, mark: str, title: str, detail: str) -> None:
        self.checks.append(Check(mark, title, " ".join(detail.split())))


def _some(names: list[str], limit: int = 3) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def validate(source: str | Path = "nano") -> Report:
    """Examine the checkpoint `source` ("nano" or a directory): files, configuration, tokenizer, tensors,
    tiles, context, memory.

    Reads configuration, tokenizer and the headers of the weights, not the weights themselves. Weights that
    are absent while their index is here are a note: names and counts are then checked against the index
    alone.
    """
    report = Report(str(source))
    try:
        path = find_checkpoint(source)
    except AdotxError as error:
        report.add(CROSS, "files", str(error))
        return report
    store = _files(report, path)
    config = _config(report, path)
    tokenizer = _tokenizer(report, path, config)
    if tokenizer is not None and config is not None:
        _endings(report, path, config)
    if store is not None and config is not None:
        _tensors(report, store, config)
    if config is not None:
        _tiles(report, config)
        _context(report, path, config)
        _memory(report, config)
    return report


def _files(report: Report, path: Path) -> TensorStore | None:
    try:
        store = TensorStore(path)
    except AdotxError as error:
        report.add(CROSS, "files", str(error))
        return None
    found = sorted(p.name for p in path.iterdir() if p.is_file())
    if store.absent:
        report.weights_absent = True
        report.add(
            NOTE, "files", f"{len(found)} files, weights absent ({len(store.files)} shards named by {INDEX})"
        )
    elif store.missing_files:
        lost = _some(store.missing_files)
        report.add(
            CROSS,
            "files",
            f"{len(store.missing_files)} of {len(store.files)} shards missing: {lost} (download them)",
        )
    else:
        size = sum((path / file).stat().st_size for file in store.files)
        report.add(OK, "files", f"{len(found)} files, {readable_size(size)} of weights in {len(store.files)}")
    return store


def _config(report: Report, path: Path) -> ModelConfig | None:
    try:
        config = read_config(path)
    except AdotxError as error:
        report.add(CROSS, "config", str(error))
        return None
    text = config.text
    shape = (
        f"{config.family}, {text.num_hidden_layers} layers of {text.hidden_size}, "
        f"{text.num_attention_heads}/{text.num_key_value_heads} heads, vocabulary {text.vocab_size:,}"
    )
    if config.vision:
        shape += f", tower {config.vision.num_hidden_layers} layers of {config.vision.hidden_size}"
    report.add(OK, "config", shape)
    found = contradictions(config) + disagreements(config)
    for sentence in found:
        report.add(CROSS, "contradiction", sentence)
    if not found:
        report.add(OK, "consistency", "the configuration files agree with themselves and with each other")
    for sentence in leftovers(config):
        report.add(NOTE, "leftover", sentence)
    if text.rope_scaling or text.sliding_window:
        kind = f"rope scaling {text.rope_scaling['rope_type']}" if text.rope_scaling else "a sliding window"
        report.add(NOTE, "positions", f"{kind} is configured: check that your runtime has it")
    return config


def _tokenizer(report: Report, path: Path, config: ModelConfig | None) -> AxTokenizer | None:
    try:
        tokenizer = AxTokenizer.open(path)
        faults = list(_tokenizer_faults(path, tokenizer, config))
        lost = [sample for sample in SAMPLES if tokenizer.decode(tokenizer.encode(sample), False) != sample]
        reached = [text for text in tokenizer.special if tokenizer.control_ids & set(tokenizer.encode(text))]
        literal = "".join(tokenizer.special)
        if tokenizer.decode(tokenizer.encode(literal), False) != literal:
            lost.append("the control tokens as text")
    except AdotxError as error:
        report.add(CROSS, "tokenizer", str(error))
        return None
    for fault in faults:
        report.add(CROSS, "tokenizer", fault)
    if not faults:
        counts = f"{tokenizer.vocab_size:,} ids, {len(tokenizer.special)} of them control tokens"
        report.add(OK, "tokenizer", counts)
    if lost:
        report.add(CROSS, "round trip", f"{len(lost)} texts come back changed, the first: {lost[0]!r}")
    else:
        report.add(OK, "round trip", f"{len(SAMPLES) + 1} texts come back unchanged")
    if reached:
        report.add(CROSS, "control tokens", f"plain text reaches {_some(reached)}")
    else:
        report.add(OK, "control tokens", "none can be reached from plain text")
    return tokenizer


def _tokenizer_faults(path: Path, tokenizer: AxTokenizer, config: ModelConfig | None) -> Iterator[str]:
    if config is not None and tokenizer.vocab_size > config.text.vocab_size:
        yield f"{tokenizer.vocab_size:,} ids do not fit the model's vocabulary of {config.text.vocab_size:,}"
    if config is not None and config.image_token_id is not None:
        named = config.processor.get("image_token")
        held = {i: text for text, i in tokenizer.special.items()}.get(config.image_token_id)
        if held is None:
            yield f"image_token_index {config.image_token_id} is not a control token"
        elif isinstance(named, str) and named != held:
            yield f"image_token_index {config.image_token_id} is {held}, processor_config says {named}"
    pair = (path / "vocab.json").exists() and (path / "merges.txt").exists()
    if pair and (path / "tokenizer.json").exists():
        other = AxTokenizer.open_pair(path)
        texts = [*SAMPLES, *tokenizer.special]
        if [tokenizer.encode_with_specials(t) for t in texts] != [
            other.encode_with_specials(t) for t in texts
        ]:
            yield "tokenizer.json and vocab.json + merges.txt give different ids"


def _endings(report: Report, path: Path, config: ModelConfig) -> None:
    try:
        checkpoint = Checkpoint(path, path.name, config)
        ends = checkpoint.eos_ids
        names = [checkpoint.tokenizer.token_bytes(i).decode("utf-8", "replace") for i in ends]
    except AdotxError as error:
        report.add(CROSS, "end of answer", str(error))
        return
    outside = [str(i) for i in ends if i not in checkpoint.tokenizer.control_ids]
    if outside:
        report.add(CROSS, "end of answer", f"eos_token_id {_some(outside)} is not a control token")
    else:
        report.add(
            OK, "end of answer", ", ".join(f"{name} ({i})" for name, i in zip(names, ends, strict=True))
        )


def _tensors(report: Report, store: TensorStore, config: ModelConfig) -> None:
    expected = expected_tensors(config)
    names = set(store.names())
    report.tensors, report.parameters = len(names), parameter_count(config)
    lost = [name for name in expected if name not in names]
    strange = sorted(name for name in names - set(expected) if not is_ignorable(config, name))
    if lost:
        report.add(CROSS, "tensor names", f"{len(lost)} of {len(expected)} missing: {_some(lost)}")
    if strange:
        report.add(
            CROSS, "tensor names", f"{len(strange)} that config.json does not ask for: {_some(strange)}"
        )
    if not lost and not strange:
        report.add(OK, "tensor names", f"{len(names)} tensors, as config.json asks")
    if store.absent:
        _index_totals(report, store)
    elif not store.missing_files:
        _shapes(report, store, {name: shape for name, shape in expected.items() if name in names})


def _index_totals(report: Report, store: TensorStore) -> None:
    """Without the weights, the totals that the index states are all there is to hold against the shapes."""
    count = report.parameters
    assert count is not None
    stated, size = store.metadata.get("total_parameters"), store.metadata.get("total_size")
    where = "weights absent, shapes not checked"
    if isinstance(stated, int) and stated != count:
        report.add(CROSS, "parameters", f"config.json gives {count:,}, the index states {stated:,}")
    elif isinstance(size, int) and size not in (2 * count, 4 * count):
        report.add(CROSS, "parameters", f"config.json gives {count:,}, the index states {size:,} bytes")
    else:
        agreed = "as the index states" if stated or size else "the index states no total"
        report.add(NOTE, "parameters", f"{count:,}, {agreed}; {where}")


def _shapes(report: Report, store: TensorStore, expected: dict[str, tuple[int, ...]]) -> None:
    try:
        specs = {name: store.spec(name) for name in expected}
    except AdotxError as error:
        report.add(CROSS, "tensor shapes", str(error))
        return
    wrong = [
        f"{name} is {list(specs[name][1])}, config.json asks for {list(shape)}"
        for name, shape in expected.items()
        if specs[name][1] != shape
    ]
    integer = [name for name, (dtype, _) in specs.items() if not dtype.startswith(("F", "BF"))]
    if wrong:
        report.add(CROSS, "tensor shapes", f"{len(wrong)} wrong: {_some(wrong, 2)}")
    if integer:
        report.add(CROSS, "tensor shapes", f"{len(integer)} are not floating point: {_some(integer)}")
    if not wrong and not integer:
        dtypes = "/".join(sorted({dtype for dtype, _ in specs.values()}))
        count = sum(prod(shape) for _, shape in specs.values())
        report.add(OK, "tensor shapes", f"{count:,} parameters in {dtypes}, every shape as config.json asks")


def _tiles(report: Report, config: ModelConfig) -> None:
    rule, vision = config.tiles, config.vision
    if rule is None or vision is None:
        return
    if contradictions(config):
        report.add(NOTE, "tiles", "not computed, the configuration contradicts itself")
        return
    page = plan(*A4, rule)
    per_tile = (
        f"{rule.tile_size} px / patch {vision.patch_size} = {vision.grid} x {vision.grid} patches "
        f"-> {rule.tokens_per_tile} tokens"
    )
    thumbnail = " + thumbnail" if page.thumbnail else ""
    a4 = f"A4 at 300 dpi: {page.cols} x {page.rows} tiles{thumbnail} = {page.tokens:,} tokens"
    report.add(OK, "tiles", f"{per_tile}; {rule.min_tiles} to {rule.max_tiles} tiles; {a4}")


def _context(report: Report, path: Path, config: ModelConfig) -> None:
    positions = config.text.max_position_embeddings
    try:
        limit = read_json_if_present(path / "tokenizer_config.json").get("model_max_length")
    except AdotxError:  # the tokenizer check has already crossed it
        limit = None
    lower = f"; tokenizer_config.json says {limit:,}" if isinstance(limit, int) and limit < positions else ""
    if config.tiles is None:
        report.add(OK, "context", f"{positions:,} positions{lower}")
        return
    image = config.tiles.max_image_tokens
    if image >= positions:
        what = f"the largest image takes {image:,} tokens of {positions:,} positions and leaves none for text"
        report.add(CROSS, "context", what)
        return
    fit = positions // image
    images = f"{fit} such images fit" if fit > 1 else "one such image fits"
    what = f"{positions:,} positions; the largest image takes {image:,}: {images}{lower}"
    report.add(OK, "context", what)


def _memory(report: Report, config: ModelConfig) -> None:
    need, machine = memory_estimate(config), machine_memory()
    positions = config.text.max_position_embeddings
    cache = need.kv(positions)
    weights = ", ".join(f"{name} {readable_size(size)}" for name, size in need.weights.items())
    detail = f"weights {weights}; KV cache {readable_size(cache)} for {positions:,} positions (bf16)"
    if machine is None:
        report.add(NOTE, "memory", f"{detail}; this machine does not tell what it has")
        return
    fits = [name for name, size in need.weights.items() if size + cache < machine]
    verdict = f"fits as {' and '.join(fits)}" if fits else "does not fit"
    report.add(
        OK if fits else NOTE, "memory", f"{detail}; {verdict} in this machine's {readable_size(machine)}"
    )

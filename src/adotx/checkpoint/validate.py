"""Is a checkpoint complete and consistent: a directory in, a numbered report of checks passed and faults out.

Never raises for what it finds: an error of any part becomes a fault of the report. Prints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from adotx.checkpoint.config import ModelConfig, read_config
from adotx.checkpoint.contradictions import contradictions, disagreements, leftovers
from adotx.checkpoint.files import read_json_if_present
from adotx.checkpoint.memory import memory_estimate, readable_size
from adotx.checkpoint.names import expected_tensors, is_ignorable, parameter_count
from adotx.checkpoint.source import Checkpoint, find_checkpoint
from adotx.checkpoint.tensors import TensorStore
from adotx.checkpoint.tokenizer import AxTokenizer
from adotx.errors import AdotxError, Sentence
from adotx.machine import machine_memory
from adotx.vision.plan import plan

OK, NOTE, FAULT = "ok", "note", "fault"
_MARKS = {OK: "✓", NOTE: "!", FAULT: "✗"}

#: Texts that a tokenizer has to encode and decode without a change.
SAMPLES = (
    "안녕하세요. 반갑습니다!",
    "  앞 공백과\n줄바꿈\t탭\r\n끝  ",
    "2025년 7월 3일, 3,500원 (부가세 10% 포함)",
    "漢字와 한글 mix English, ㄱㄴㄷ 뷁쀍",
    "| 항목 | 값 |\n|---|---|\n| `x_1` | 3.14 |",
    "🚀😶‍🌫️ é ½ ￦1,000",
)

#: A4 at 300 dpi, in pixels.
A4 = (2480, 3508)


@dataclass(frozen=True)
class Check:
    """One line of a report.

    Attributes:
        mark: `OK`, `NOTE` (worth knowing, no fault) or `FAULT`.
        title: what was checked.
        detail: what was found, or the error that was raised; `str` of either is its text.
    """

    mark: str
    title: Sentence
    detail: Sentence | AdotxError


@dataclass
class Report:
    """What `validate` found.

    Attributes:
        source: the checkpoint as it was named.
        tensors, parameters: counts, None where they are not known.
        weights_absent: whether only the index of the weights is here.
    """

    source: str
    checks: list[Check] = field(default_factory=list)
    tensors: int | None = None
    parameters: int | None = None
    weights_absent: bool = False

    @property
    def ok(self) -> bool:
        """True where there is no fault."""
        return not self.faults

    @property
    def faults(self) -> list[Check]:
        return [check for check in self.checks if check.mark == FAULT]

    def lines(self, say: Callable[[Sentence | AdotxError], str] = str) -> list[str]:
        """The numbered report: one line a check and a last line with the verdict.

        Args:
            say: puts a sentence or an error into the reader's language.
        """
        width = len(str(len(self.checks)))
        lines = [
            f"{i:>{width}} {_MARKS[check.mark]} {say(check.title)}: {say(check.detail)}"
            for i, check in enumerate(self.checks, 1)
        ]
        verdict = Sentence("faults found: {count}", count=len(self.faults))
        if self.ok:
            verdict = Sentence("no fault found")
        return [" ".join(line.splitlines()) for line in (*lines, f"{self.source}: {say(verdict)}")]

    def add(self, mark: str, title: str, detail: str, /, **values: Any) -> None:
        """Add a check; `detail` is a template where there are values, as for `Sentence`."""
        self.checks.append(Check(mark, Sentence(title), Sentence(detail, **values)))

    def add_error(self, title: str, error: AdotxError) -> None:
        """Add a fault."""
        self.checks.append(Check(FAULT, Sentence(title), error))


def _first(names: list[str], limit: int = 3) -> str:
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")


def validate(source: str | Path = "nano") -> Report:
    """Examine the checkpoint `source` ("nano" or a directory): files, configuration, tokenizer, tensors,
    tiles, context, memory.

    Reads configuration, tokenizer and the headers of the weights, not the weights themselves. Weights that
    are absent while their index is here are a note: names and counts are then compared with the index alone.
    """
    report = Report(str(source))
    try:
        path = find_checkpoint(source)
    except AdotxError as error:
        report.add_error("files", error)
        return report
    store = _files(report, path)
    config = _config(report, path)
    tokenizer = _tokenizer(report, path, config)
    if tokenizer is not None and config is not None:
        _stop_tokens(report, path, config)
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
        report.add_error("files", error)
        return None
    files, shards = sum(p.is_file() for p in path.iterdir()), len(store.files)
    if store.absent:
        report.weights_absent = True
        what = "{files} files, weights absent (the index names {shards} shards)"
        report.add(NOTE, "files", what, files=files, shards=shards)
    elif missing := store.missing_files:
        what = "{count} of {shards} shards missing: {names} (download them)"
        report.add(FAULT, "files", what, count=len(missing), shards=shards, names=_first(missing))
    else:
        size = readable_size(sum((path / file).stat().st_size for file in store.files))
        what = "{files} files, {size} of weights in {shards}"
        report.add(OK, "files", what, files=files, size=size, shards=shards)
    return store


def _config(report: Report, path: Path) -> ModelConfig | None:
    try:
        config = read_config(path)
    except AdotxError as error:
        report.add_error("config", error)
        return None
    text, vision = config.text, config.vision
    shape = Sentence(
        "{family}, {layers} layers of {width}, {heads}/{kv_heads} heads, vocabulary {vocabulary:,}",
        family=config.family,
        layers=text.num_hidden_layers,
        width=text.hidden_size,
        heads=text.num_attention_heads,
        kv_heads=text.num_key_value_heads,
        vocabulary=text.vocab_size,
    )
    if vision:
        what = "{text}, tower {layers} layers of {width}"
        shape = Sentence(what, text=shape, layers=vision.num_hidden_layers, width=vision.hidden_size)
    report.add(OK, "config", "{shape}", shape=shape)
    found = contradictions(config) + disagreements(config)
    for sentence in found:
        report.add(FAULT, "contradiction", "{fault}", fault=sentence)
    if not found:
        report.add(OK, "consistency", "the configuration files agree with themselves and with each other")
    for sentence in leftovers(config):
        report.add(NOTE, "leftover", "{fault}", fault=sentence)
    if text.rope_scaling:
        what = "rope scaling {kind} is configured: check that your runtime has it"
        report.add(NOTE, "positions", what, kind=text.rope_scaling["rope_type"])
    elif text.sliding_window:
        report.add(NOTE, "positions", "a sliding window is configured: check that your runtime has it")
    return config


def _tokenizer(report: Report, path: Path, config: ModelConfig | None) -> AxTokenizer | None:
    try:
        tokenizer = AxTokenizer.open(path)
        faults = list(_tokenizer_faults(path, tokenizer, config))
        texts = [*SAMPLES, "".join(tokenizer.special)]
        changed = [text for text in texts if tokenizer.decode(tokenizer.encode(text), False) != text]
        reached = [text for text in tokenizer.special if tokenizer.control_ids & set(tokenizer.encode(text))]
    except AdotxError as error:
        report.add_error("tokenizer", error)
        return None
    for fault in faults:
        report.add(FAULT, "tokenizer", "{fault}", fault=fault)
    if not faults:
        what = "{ids:,} ids, {control} of them control tokens"
        report.add(OK, "tokenizer", what, ids=tokenizer.vocab_size, control=len(tokenizer.special))
    if changed:
        what = "{count} texts come back changed, the first: {first!r}"
        report.add(FAULT, "round trip", what, count=len(changed), first=changed[0][:80])
    else:
        report.add(OK, "round trip", "{count} texts come back unchanged", count=len(texts))
    if reached:
        report.add(FAULT, "control tokens", "plain text reaches {names}", names=_first(reached))
    else:
        report.add(OK, "control tokens", "none can be reached from plain text")
    return tokenizer


def _tokenizer_faults(path: Path, tokenizer: AxTokenizer, config: ModelConfig | None) -> Iterator[Sentence]:
    if config is not None and tokenizer.vocab_size > config.text.vocab_size:
        what = "{ids:,} ids do not fit the model's vocabulary of {vocabulary:,}"
        yield Sentence(what, ids=tokenizer.vocab_size, vocabulary=config.text.vocab_size)
    if config is not None and (token := config.image_token_id) is not None:
        named = config.processor.get("image_token")
        found = {i: text for text, i in tokenizer.special.items()}.get(token)
        if found is None:
            yield Sentence("image_token_index {token} is not a control token", token=token)
        elif isinstance(named, str) and named != found:
            what = "image_token_index {token} is {found}, processor_config says {named}"
            yield Sentence(what, token=token, found=found, named=named)
    pair = (path / "vocab.json").exists() and (path / "merges.txt").exists()
    if pair and (path / "tokenizer.json").exists():
        other, texts = AxTokenizer.open_pair(path), [*SAMPLES, *tokenizer.special]
        if any(tokenizer.encode_with_specials(t) != other.encode_with_specials(t) for t in texts):
            yield Sentence("tokenizer.json and vocab.json + merges.txt give different ids")


def _stop_tokens(report: Report, path: Path, config: ModelConfig) -> None:
    try:
        checkpoint = Checkpoint(path, path.name, config)
        ends = checkpoint.eos_ids
        names = [checkpoint.tokenizer.token_bytes(i).decode("utf-8", "replace") for i in ends]
    except AdotxError as error:
        report.add_error("end of answer", error)
        return
    outside = [str(i) for i in ends if i not in checkpoint.tokenizer.control_ids]
    if outside:
        what = "eos_token_id {ids} is not a control token"
        report.add(FAULT, "end of answer", what, ids=_first(outside))
    else:
        listed = ", ".join(f"{name} ({i})" for name, i in zip(names, ends, strict=True))
        report.add(OK, "end of answer", "{tokens}", tokens=listed)


def _tensors(report: Report, store: TensorStore, config: ModelConfig) -> None:
    expected = expected_tensors(config)
    names = set(store.names())
    report.tensors, report.parameters = len(names), parameter_count(config)
    missing = [name for name in expected if name not in names]
    unknown = sorted(name for name in names - set(expected) if not is_ignorable(config, name))
    if missing:
        what = "{count} of {total} missing: {names}"
        report.add(
            FAULT, "tensor names", what, count=len(missing), total=len(expected), names=_first(missing)
        )
    if unknown:
        what = "{count} that config.json does not ask for: {names}"
        report.add(FAULT, "tensor names", what, count=len(unknown), names=_first(unknown))
    if not missing and not unknown:
        report.add(OK, "tensor names", "{count} tensors, as config.json asks", count=len(names))
    if store.absent:
        _index_totals(report, store, report.parameters)
    elif not store.missing_files:
        _shapes(report, store, {name: shape for name, shape in expected.items() if name in names})


def _index_totals(report: Report, store: TensorStore, count: int) -> None:
    """Without the weights, only the totals that the index states can be compared with the shapes."""
    stated, size = store.metadata.get("total_parameters"), store.metadata.get("total_size")
    if isinstance(stated, int) and stated != count:
        what = "config.json gives {count:,}, the index states {stated:,}"
        report.add(FAULT, "parameters", what, count=count, stated=stated)
    elif isinstance(size, int) and size not in (2 * count, 4 * count):
        what = "config.json gives {count:,}, the index states {size:,} bytes"
        report.add(FAULT, "parameters", what, count=count, size=size)
    elif stated or size:
        what = "{count:,}, as the index states; weights absent, shapes not checked"
        report.add(NOTE, "parameters", what, count=count)
    else:
        what = "{count:,}, the index states no total; weights absent, shapes not checked"
        report.add(NOTE, "parameters", what, count=count)


def _shapes(report: Report, store: TensorStore, expected: dict[str, tuple[int, ...]]) -> None:
    try:
        specs = {name: store.spec(name) for name in expected}
    except AdotxError as error:
        report.add_error("tensor shapes", error)
        return
    wrong = [name for name, shape in expected.items() if specs[name][1] != shape]
    integer = [name for name, (dtype, _) in specs.items() if not dtype.startswith(("F", "BF"))]
    if wrong:
        report.add(
            FAULT,
            "tensor shapes",
            "{count} wrong, the first: {name} is {shape}, config.json asks for {expected}",
            count=len(wrong),
            name=wrong[0],
            shape=list(specs[wrong[0]][1]),
            expected=list(expected[wrong[0]]),
        )
    if integer:
        what = "{count} are not floating point: {names}"
        report.add(FAULT, "tensor shapes", what, count=len(integer), names=_first(integer))
    if not wrong and not integer:
        what = "{count:,} parameters in {dtypes}, every shape as config.json asks"
        dtypes = "/".join(sorted({dtype for dtype, _ in specs.values()}))
        count = sum(prod(shape) for _, shape in specs.values())
        report.add(OK, "tensor shapes", what, count=count, dtypes=dtypes)


def _tiles(report: Report, config: ModelConfig) -> None:
    rule, vision = config.tiles, config.vision
    if rule is None or vision is None:
        return
    if contradictions(config):
        report.add(NOTE, "tiles", "not computed, the configuration contradicts itself")
        return
    page = plan(*A4, rule)
    with_thumbnail = "A4 at 300 dpi: {cols} x {rows} tiles + thumbnail = {tokens:,} tokens"
    a4 = with_thumbnail if page.thumbnail else "A4 at 300 dpi: {cols} x {rows} tiles = {tokens:,} tokens"
    report.add(
        OK,
        "tiles",
        "{size} px / patch {patch} = {grid} x {grid} patches -> {tokens} tokens; "
        "{least} to {most} tiles; {a4}",
        size=rule.tile_size,
        patch=vision.patch_size,
        grid=vision.grid,
        tokens=rule.tokens_per_tile,
        least=rule.min_tiles,
        most=rule.max_tiles,
        a4=Sentence(a4, cols=page.cols, rows=page.rows, tokens=page.tokens),
    )


def _context(report: Report, path: Path, config: ModelConfig) -> None:
    positions = config.text.max_position_embeddings
    try:
        limit = read_json_if_present(path / "tokenizer_config.json").get("model_max_length")
    except AdotxError:  # the tokenizer check has already reported it
        limit = None
    context = Sentence("{positions:,} positions", positions=positions)
    if isinstance(limit, int) and limit < positions:
        what = "{positions:,} positions; tokenizer_config.json says {limit:,}"
        context = Sentence(what, positions=positions, limit=limit)
    if config.tiles is None:
        report.add(OK, "context", "{context}", context=context)
        return
    image = config.tiles.max_image_tokens
    if image >= positions:
        what = "the largest image takes {image:,} tokens of {positions:,} positions and leaves none for text"
        report.add(FAULT, "context", what, image=image, positions=positions)
        return
    what = "{context}; the largest image takes {image:,}: room for {fit}"
    report.add(OK, "context", what, context=context, image=image, fit=positions // image)


def _memory(report: Report, config: ModelConfig) -> None:
    need, machine = memory_estimate(config), machine_memory()
    positions = config.text.max_position_embeddings
    cache = need.kv(positions)
    detail = Sentence(
        "weights {weights}; KV cache {cache} for {positions:,} positions (bf16)",
        weights=", ".join(f"{name} {readable_size(size)}" for name, size in need.weights.items()),
        cache=readable_size(cache),
        positions=positions,
    )
    if machine is None:
        report.add(NOTE, "memory", "{need}; the memory of this machine is not known", need=detail)
        return
    formats, has = (
        [name for name, size in need.weights.items() if size + cache < machine],
        readable_size(machine),
    )
    if formats:
        what = "{need}; fits this machine's {has} as {formats}"
        report.add(OK, "memory", what, need=detail, has=has, formats=", ".join(formats))
    else:
        report.add(NOTE, "memory", "{need}; does not fit this machine's {has}", need=detail, has=has)

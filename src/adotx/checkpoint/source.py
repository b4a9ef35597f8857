"""Find and open a checkpoint: "nano", a directory or (online) a hub id in, `Checkpoint` out.

Reads the configuration at once, tokenizer and tensors when first used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from adotx.checkpoint.config import ModelConfig, read_config
from adotx.checkpoint.contradictions import require_consistent
from adotx.checkpoint.files import read_json_if_present
from adotx.checkpoint.names import expected_tensors
from adotx.checkpoint.tensors import TensorStore
from adotx.checkpoint.tokenizer import AxTokenizer
from adotx.errors import AdotxError
from adotx.machine import expanded

#: Files of a hub repository that are downloaded; code and other weight formats are not.
HUB_FILES = ("*.json", "*.safetensors", "merges.txt", "*.jinja", "README.md", "LICENSE*", "NOTICE*")


@dataclass
class Checkpoint:
    """One model on disk; tokenizer and tensors are opened when first used.

    Attributes:
        path: its directory.
        name: for messages and file names: "nano", a hub id, or the directory's name.
        config: the consistent configuration.
    """

    path: Path
    name: str
    config: ModelConfig

    @cached_property
    def tokenizer(self) -> AxTokenizer:
        return AxTokenizer.open(self.path)

    @cached_property
    def tensors(self) -> TensorStore:
        return TensorStore(self.path)

    @cached_property
    def eos_ids(self) -> tuple[int, ...]:
        """The ids that end an answer: those of generation_config.json, else of config.json and the
        tokenizer's eos_token."""
        found = _ids(read_json_if_present(self.path / "generation_config.json").get("eos_token_id"))
        if not found:
            raw = self.config.raw
            found = _ids((raw.get("text_config") or raw).get("eos_token_id") or raw.get("eos_token_id") or 0)
            token = read_json_if_present(self.path / "tokenizer_config.json").get("eos_token")
            token = token.get("content") if isinstance(token, dict) else token
            if isinstance(token, str) and token in self.tokenizer.special:
                found = (*found, self.tokenizer.special[token])
        return tuple(dict.fromkeys(found))

    @property
    def extra(self) -> dict[str, Any]:
        """The object "adotx" of config.json; {} where there is none."""
        extra = self.config.raw.get("adotx")
        return extra if isinstance(extra, dict) else {}

    def require_tensors(self) -> None:
        """Check that every tensor that the configuration asks for is here with its shape.

        Raises:
            AdotxError: as `TensorStore.require`.
        """
        self.tensors.require(expected_tensors(self.config))


def _ids(value: Any) -> tuple[int, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(v for v in values if type(v) is int and v >= 0)


def nano_path() -> Path:
    """The directory of the bundled model.

    Raises:
        AdotxError: ``checkpoint.nano_absent`` where this installation has none.
    """
    path = Path(str(resources.files("adotx"))) / "nano"
    if not (path / "config.json").is_file():
        what = "this installation does not hold the bundled model"
        raise AdotxError(
            "checkpoint.nano_absent", what, "nano", "give a checkpoint directory, or reinstall adotx"
        )
    return path


def find_checkpoint(source: str | Path = "nano", online: bool = False) -> Path:
    """The directory of a checkpoint.

    Args:
        source: "nano", a directory, or a hub id such as skt/A.X-4.0-VL-Light.
        online: allows a hub id to be downloaded.

    Raises:
        AdotxError: ``checkpoint.not_found``, ``checkpoint.nano_absent`` or ``checkpoint.hub``.
    """
    if source == "nano":
        return nano_path()
    path = expanded(source)
    if path.is_dir():
        return path
    if path.exists():
        what, folder = "is a file, not a checkpoint directory", str(path.parent)
        raise AdotxError(
            "checkpoint.not_found", what, str(source), "give the directory: {folder}", folder=folder
        )
    hub_id = re.fullmatch(r"[\w.-]+/[\w.-]+", str(source)) is not None
    if hub_id and online:
        return _fetch(str(source))
    what = "no such checkpoint directory"
    if hub_id:
        remedy = "check the path, or allow downloads to fetch {hub_id} from the hub"
        raise AdotxError("checkpoint.not_found", what, str(source), remedy, hub_id=str(source))
    raise AdotxError("checkpoint.not_found", what, str(source), 'check the path, or use "nano"')


def _fetch(hub_id: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        what = "fetching needs the package huggingface_hub"
        raise AdotxError("checkpoint.hub", what, hub_id, "pip install huggingface_hub") from error
    try:
        return Path(snapshot_download(hub_id, allow_patterns=list(HUB_FILES)))
    except Exception as error:  # the library, its HTTP client and the disk raise different classes
        reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
        what, remedy = "could not be fetched: {reason}", "check the id and the network"
        raise AdotxError("checkpoint.hub", what, hub_id, remedy, reason=reason) from error


def open_checkpoint(source: str | Path = "nano", online: bool = False) -> Checkpoint:
    """Open a checkpoint; arguments as for `find_checkpoint`.

    Raises:
        AdotxError: it is not found, or its configuration is unreadable, of another family, or contradicts
            itself.
    """
    path = find_checkpoint(source, online)
    config = require_consistent(read_config(path), str(path / "config.json"))
    name = str(source) if str(source) == "nano" or not expanded(source).exists() else path.resolve().name
    return Checkpoint(path, name, config)

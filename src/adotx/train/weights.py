"""Tensors on disk: named tensors in, safetensors files out, and back.

One file `NAME.safetensors`, or files under a limit with an index beside them. A tensor that is larger than
the limit is cut along its first dimension (`tensor@0`, `tensor@1`, ...); loading puts it together again.
Knows nothing of models beyond their state dicts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

#: room in a file for its header
_HEADER = 64 * 1024


def shard_limit(megabytes: float) -> int:
    """Bytes of tensors in one file of at most `megabytes` MiB; 0 for no limit."""
    return int(megabytes * 2**20) - _HEADER if megabytes else 0


def save_tensors(
    folder: Path, name: str, tensors: Mapping[str, torch.Tensor], shard_megabytes: float = 0.0
) -> None:
    """Write `tensors` to `folder`, in files of at most `shard_megabytes` MiB (0: one file)."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{name}*.safetensors*"):  # an index that is left would be taken for this one's
        old.unlink()
    limit = shard_limit(shard_megabytes)
    files: list[dict[str, torch.Tensor]] = [{}]
    size = 0
    for key, whole in tensors.items():
        for part, tensor in _cut(key, whole.detach().cpu().contiguous(), limit):
            if limit and size + tensor.nbytes > limit and files[-1]:
                files.append({})
                size = 0
            files[-1][part] = tensor
            size += tensor.nbytes
    if not limit:
        save_file(files[0], folder / f"{name}.safetensors")
        return
    places: dict[str, str] = {}
    for number, held in enumerate(files, 1):
        file = f"{name}-{number:05}-of-{len(files):05}.safetensors"
        save_file(held, folder / file)
        places |= dict.fromkeys(held, file)
    index = json.dumps({"weight_map": places}, indent=1)
    (folder / f"{name}.safetensors.index.json").write_text(index + "\n", encoding="utf-8")


def load_tensors(folder: Path, name: str, device: torch.device | str = "cpu") -> dict[str, torch.Tensor]:
    """What `save_tensors` wrote, on `device`."""
    index = folder / f"{name}.safetensors.index.json"
    if not index.is_file():
        return load_file(folder / f"{name}.safetensors", device=str(device))
    places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    parts: dict[str, list[torch.Tensor]] = defaultdict(list)
    held = {key: t for file in dict.fromkeys(places.values()) for key, t in load_file(folder / file).items()}
    for key in places:  # the index has the parts of a tensor in their order
        parts[key.partition("@")[0]].append(held[key])
    return {key: (torch.cat(p) if len(p) > 1 else p[0]).to(device) for key, p in parts.items()}


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    """The model's tensors by name; tied ones once, under the name that comes first."""
    named: dict[int, tuple[str, torch.Tensor]] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        named.setdefault(id(tensor), (name, tensor))
    return dict(named.values())


def load_state(model: nn.Module, tensors: Mapping[str, torch.Tensor], may_lack: tuple[str, ...] = ()) -> None:
    """Put `tensors` into the model; tied ones may stand under either name.

    Args:
        may_lack: what the names begin with of tensors that stay as they are where `tensors` has none.
    """
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    lost = [name for name in missing if not name.endswith(("lm_head.weight", "embed_tokens.weight"))]
    lost = [name for name in lost if not name.startswith(may_lack)] if may_lack else lost
    assert not lost and not unexpected, f"missing {lost[:3]}, unexpected {unexpected[:3]}"


def _cut(key: str, tensor: torch.Tensor, limit: int) -> list[tuple[str, torch.Tensor]]:
    if not limit or tensor.nbytes <= limit:
        return [(key, tensor)]
    rows = limit // (tensor.nbytes // len(tensor))
    assert rows, f"one row of {key} is larger than a file may be"
    return [(f"{key}@{i}", part.clone()) for i, part in enumerate(tensor.split(rows))]

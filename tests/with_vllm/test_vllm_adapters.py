"""LoRA adapters made with PEFT: chosen for each request, on the language model alone or on the tower too."""

from __future__ import annotations

from pathlib import Path

from adapters import EVERYWHERE, LANGUAGE, save_adapter, without_tower
from ask_vllm import ask
from references import Torch, row_tile

import adotx
from adotx.documents.readers.prompts import read_row

NANO = Path(adotx.__file__).parent / "nano"


def test_each_request_has_its_adapter(tmp_path: Path) -> None:
    picture = row_tile("어댑터마다 다른 답", tmp_path / "row.png")
    plain = Torch(NANO)
    adapted = {
        tmp_path / "language": save_adapter(NANO, tmp_path / "language", LANGUAGE, 1),
        tmp_path / "everywhere": save_adapter(NANO, tmp_path / "everywhere", EVERYWHERE, 1, 4.0),
    }
    prompt = {"text": plain.text(read_row(1)), "images": [str(picture)]}
    order = [None, *adapted, None, *reversed(adapted)]
    prompts = [prompt | ({"lora": str(folder)} if folder else {}) for folder in order]
    answers = ask(NANO, prompts, enable_lora=True, max_loras=2, max_lora_rank=8)
    wanted = {
        folder: (adapted[folder] if folder else plain).answer(read_row(1), [picture])[1] for folder in order
    }
    half = without_tower(adapted[tmp_path / "everywhere"]).answer(read_row(1), [picture])[1]
    assert len({*map(tuple, wanted.values()), tuple(half)}) == 4, "what changes nothing proves nothing"
    for folder, answer in zip(order, answers, strict=True):
        assert answer.same_as(wanted[folder]), folder

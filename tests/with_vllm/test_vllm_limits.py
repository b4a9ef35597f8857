"""What is refused in one sentence: tensor parallel sizes, tiles, prompts without their images."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ask_vllm import ask
from PIL import Image
from references import Torch
from vllm import ModelRegistry
from vllm.model_executor.models.config import MODELS_CONFIG_MAP

import adotx
from adotx.errors import AdotxError
from adotx.hf import AX4VLConfig
from adotx.vllm import ARCHITECTURE, register
from adotx.vllm.limits import AX4VLLimits, in_the_way

NANO = Path(adotx.__file__).parent / "nano"
#: `mm_processor_kwargs` of a request that nothing can be done with, and what is said of them
UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"max_num_tiles": "four"}, "max_num_tiles = 'four' is not of type int"),
    ({"max_num_tiles": 1.5}, "max_num_tiles = 1.5 is not of type int"),
    ({"max_num_tiles": 10**9}, "tiles asked for, the server was started for 4"),
    ({"max_num_tiles": 0}, "no grid has 1 to 0 tiles"),
    ({"use_thumbnail": "yes"}, "use_thumbnail = 'yes' is not of type bool"),
    ({"images_kwargs": 5}, "images_kwargs = 5 is not of type object"),
    ({"size": 64}, "size is 64, built in is"),
]


def settings(config: Any, size: int, mode: str = "weights", lora: Any = None) -> Any:
    model = SimpleNamespace(hf_config=config, multimodal_config=SimpleNamespace(mm_encoder_tp_mode=mode))
    return SimpleNamespace(
        model_config=model, parallel_config=SimpleNamespace(tensor_parallel_size=size), lora_config=lora
    )


def test_registering_twice_changes_nothing() -> None:
    register()
    before = list(ModelRegistry.get_supported_archs())
    register()
    assert list(ModelRegistry.get_supported_archs()) == before and ARCHITECTURE in before
    assert MODELS_CONFIG_MAP[ARCHITECTURE] is AX4VLLimits


def test_published_heads_allow_one_two_and_four() -> None:
    config = AX4VLConfig()
    assert [n for n in range(1, 65) if not in_the_way(config, n, False)] == [1, 2, 4]
    for size in (1, 2, 4):
        AX4VLLimits.verify_and_update_config(settings(config, size))
    with pytest.raises(AdotxError) as caught:
        AX4VLLimits.verify_and_update_config(settings(config, 8))
    assert str(caught.value) == (
        "--tensor-parallel-size: text_config.num_attention_heads cannot be split over 8 processes "
        "(use one of 1, 2, 4)"
    )


def test_a_tower_kept_whole_stands_in_no_ones_way() -> None:
    config = AX4VLConfig()
    config.vision_config.num_attention_heads = 15
    with pytest.raises(AdotxError, match=r"vision_config\.num_attention_heads"):
        AX4VLLimits.verify_and_update_config(settings(config, 2))
    AX4VLLimits.verify_and_update_config(settings(config, 2, "data"))


def test_adapters_are_applied_whole() -> None:
    lora = SimpleNamespace(enable_tower_connector_lora=False)
    AX4VLLimits.verify_and_update_config(settings(AX4VLConfig(), 1, lora=lora))
    assert lora.enable_tower_connector_lora


def test_requests_are_refused_in_one_line(tmp_path: Path) -> None:
    picture = tmp_path / "wide.png"
    Image.new("RGB", (800, 400), "white").save(picture)
    reference = Torch(NANO)
    one = reference.text([{"role": "user", "content": [{"type": "image"}]}])
    images = [str(picture)]
    answers = ask(
        NANO,
        [
            {"text": one, "images": images * 2},
            {"text": one + one, "images": images},
            {"text": one, "images": images, "kwargs": {"max_num_tiles": 5}},
            {"text": one, "images": images, "kwargs": {"images_kwargs": {"max_num_tiles": 5}}},
            {"text": one, "images": images, "kwargs": {"max_tiles": 1}},
            {"text": one, "images": images, "kwargs": {"max_num_tiles": 1}},
            {"text": one, "images": images},
            {"text": one},
            {"ids": [25, 8, 22, 27]},
            *({"text": one, "images": images, "kwargs": kwargs} for kwargs, _ in UNFIT),
        ],
        mm_processor_kwargs={"max_num_tiles": 4},
    )
    errors = [answer.error for answer in answers]
    assert "1 image tokens <|extra_id_11|> in the text but 2 images" in errors[0]
    assert "2 image tokens <|extra_id_11|> in the text but 1 images" in errors[1]
    assert "5 tiles asked for, the server was started for 4" in errors[2] and errors[3] == errors[2]
    assert "max_tiles" in errors[4]
    assert not errors[5] and not errors[6] and all("\n" not in error for error in errors)
    assert all("1 image tokens <|extra_id_11|> in the text but 0 images" in each for each in errors[7:9])
    for error, (_, told) in zip(errors[9:], UNFIT, strict=True):
        assert told in error
    assert answers[5].prompt.count(22) == 144 and answers[6].prompt.count(22) == 3 * 144

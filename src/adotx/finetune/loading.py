"""What is trained, as transformers and PEFT have it: a recipe and a checkpoint in, model and processor out.

Knows no data.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from peft import LoraConfig
from transformers import AutoModelForCausalLM, PreTrainedModel

from adotx.chat import protocol as p
from adotx.checkpoint import Checkpoint
from adotx.errors import AdotxError
from adotx.finetune.recipe import TEXT_LAYERS, TEXT_ONLY_LAYERS, Recipe
from adotx.hf import AX4VLForConditionalGeneration, AX4VLProcessor, load_family_tokenizer

#: parts that stay as they are where weights are loaded in four bits
_NOT_QUANTIZED = ["vision_tower", "multi_modal_projector", "lm_head"]


def on_accelerator(recipe: Recipe) -> bool:
    """Whether the run is on one."""
    return recipe.device != "cpu" and torch.accelerator.is_available()


def is_bfloat16(recipe: Recipe) -> bool:
    """Whether matrix products are in bfloat16."""
    return recipe.dtype == "bfloat16" or (recipe.dtype == "auto" and on_accelerator(recipe))


def model_class(checkpoint: Checkpoint) -> Any:
    """The class of a checkpoint's model in transformers."""
    return AX4VLForConditionalGeneration if checkpoint.config.family == p.VL else AutoModelForCausalLM


def load_model(recipe: Recipe, checkpoint: Checkpoint, sharded: bool = False) -> PreTrainedModel:
    """The model in training form.

    Frozen weights are kept in bfloat16 where products are; trained ones in float32, since small steps are
    lost in bfloat16. `sharded` (FSDP) keeps all in float32, as its groups must be of one type: it casts the
    copies that it gathers.

    Raises:
        AdotxError: ``finetune.quantize``: bitsandbytes is not there.
    """
    small = is_bfloat16(recipe) and recipe.lora and not sharded
    options: dict[str, Any] = {
        "dtype": torch.bfloat16 if small else torch.float32,
        "attn_implementation": recipe.attention,
    }
    if recipe.quantize:
        options["quantization_config"] = _four_bits(recipe)
    model = model_class(checkpoint).from_pretrained(checkpoint.path, local_files_only=True, **options)
    model.config.use_cache = False
    # An answer ends with its turn, whatever the published generation_config says.
    model.generation_config.eos_token_id = list(
        dict.fromkeys([*checkpoint.eos_ids, p.control_id(checkpoint.tokenizer, p.END)])
    )
    return model


def load_processor(checkpoint: Checkpoint) -> Any:
    """The processor of a model that sees, the tokenizer of one that does not."""
    if checkpoint.config.family == p.VL:
        return AX4VLProcessor.from_pretrained(checkpoint.path, local_files_only=True)
    tokenizer = load_family_tokenizer(checkpoint.path, local_files_only=True)
    assert tokenizer is not None, "a text checkpoint of the family has the family's tokenizer"
    return tokenizer


def lora(recipe: Recipe, checkpoint: Checkpoint) -> LoraConfig | None:
    """The adapter; None where all weights are trained."""
    if not recipe.lora:
        return None
    pattern = recipe.pattern
    if checkpoint.config.family == p.TEXT and pattern == TEXT_LAYERS:
        pattern = TEXT_ONLY_LAYERS
    return LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=pattern,
        task_type="CAUSAL_LM",
    )


def check_targets(model: PreTrainedModel, config: LoraConfig | None) -> None:
    """AdotxError ``finetune.targets`` for a pattern that fits no module."""
    if config is None:
        return
    pattern = str(config.target_modules)
    try:
        fits = any(re.fullmatch(pattern, name) for name, _ in model.named_modules())
    except re.error:
        fits = False
    if not fits:
        what, remedy = "{pattern!r} fits no module of the model", 'use "text", "all" or a regular expression'
        raise AdotxError("finetune.targets", what, "targets", remedy, pattern=pattern)


def _four_bits(recipe: Recipe) -> Any:
    from transformers import BitsAndBytesConfig
    from transformers.utils import is_bitsandbytes_available

    if not is_bitsandbytes_available():
        what, remedy = "four-bit weights need bitsandbytes", "pip install bitsandbytes, or leave quantize out"
        raise AdotxError("finetune.quantize", what, "quantize=nf4", remedy)
    dtype = torch.bfloat16 if is_bfloat16(recipe) else torch.float32
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        # FSDP shards what looks like ordinary numbers.
        bnb_4bit_quant_storage=dtype,
        llm_int8_skip_modules=_NOT_QUANTIZED,
    )

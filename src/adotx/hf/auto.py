"""Makes transformers' Auto classes know A.X 4.0: `register()`, called once by `import adotx.hf`.

After it `AutoConfig`, `AutoModel`, `AutoModelForCausalLM`, `AutoModelForImageTextToText`,
`AutoModelForMultimodalLM`, `AutoProcessor` and `AutoImageProcessor` take our classes for `model_type:
a.x-4-vl`. A checkpoint's `auto_map` is ignored, also with `trust_remote_code=True`: transformers prefers
classes registered from outside to remote code. The models also become attributes of `transformers`, and
their names known to its tables of names.

`AutoTokenizer.from_pretrained` is wrapped, since it offers no registration by vocabulary: text checkpoints
of this family call themselves `qwen2` and would get Qwen2's tokenizer, which gives wrong ids. The wrapper
acts only on files of class GPT2Tokenizer whose control tokens have A.X's ids; everything else is left to
transformers.

Without torchvision, `transformers.AutoImageProcessor` of 5.16 is only a message that torchvision is
missing; use `AX4VLImageProcessor` or `AutoProcessor` there.
"""

from __future__ import annotations

import sys
from functools import wraps
from types import ModuleType
from typing import Any

from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoModelForMultimodalLM,
    AutoProcessor,
    AutoTokenizer,
)
from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from adotx.hf.base_model import AX4VLModel
from adotx.hf.configuration import AX4VLConfig, AX4VLProjectorConfig
from adotx.hf.image_processing import AX4VLImageProcessor
from adotx.hf.modeling import AX4VLForConditionalGeneration
from adotx.hf.processing import AX4VLProcessor
from adotx.hf.tokenization import load_family_tokenizer


def register() -> None:
    """Register everything; may be called again."""
    AutoConfig.register(AX4VLConfig.model_type, AX4VLConfig, exist_ok=True)
    AutoConfig.register(AX4VLProjectorConfig.model_type, AX4VLProjectorConfig, exist_ok=True)
    AutoModel.register(AX4VLConfig, AX4VLModel, exist_ok=True)
    for auto in (AutoModelForCausalLM, AutoModelForImageTextToText, AutoModelForMultimodalLM):
        auto.register(AX4VLConfig, AX4VLForConditionalGeneration, exist_ok=True)
    # Trainers and servers look up config.architectures there before they ask an Auto class.
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES[AX4VLConfig.model_type] = (
        AX4VLForConditionalGeneration.__name__
    )
    for module in _transformers_modules():
        for model in (AX4VLModel, AX4VLForConditionalGeneration):
            setattr(module, model.__name__, model)
    # What AutoImageProcessor.register does; the class itself is not usable in 5.16 without torchvision.
    classes: Any = {"pil": AX4VLImageProcessor}
    IMAGE_PROCESSOR_MAPPING.register(AX4VLConfig, classes, exist_ok=True)
    AutoProcessor.register(AX4VLConfig, AX4VLProcessor, exist_ok=True)
    _wrap_auto_tokenizer()


def _transformers_modules() -> list[ModuleType]:
    """Each module object `transformers`: it replaces itself as it loads, and who was early has the first."""
    held = [vars(module).get("transformers") for module in list(sys.modules.values()) if module is not None]
    modules = {id(one): one for one in (sys.modules["transformers"], *held) if isinstance(one, ModuleType)}
    return [one for one in modules.values() if one.__name__ == "transformers"]


def _wrap_auto_tokenizer() -> None:
    original = AutoTokenizer.__dict__["from_pretrained"].__func__
    if getattr(original, "_adotx", False):
        return

    @wraps(original)
    def from_pretrained(cls: type, pretrained_model_name_or_path: Any, *inputs: Any, **kwargs: Any) -> Any:
        tokenizer = load_family_tokenizer(pretrained_model_name_or_path, *inputs, **kwargs)
        if tokenizer is not None:
            return tokenizer
        return original(cls, pretrained_model_name_or_path, *inputs, **kwargs)

    from_pretrained._adotx = True  # type: ignore[attr-defined]
    AutoTokenizer.from_pretrained = classmethod(from_pretrained)  # type: ignore[method-assign,assignment]

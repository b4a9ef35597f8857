"""vLLM plugin: A.X 4.0 VL checkpoints (published layout and nano) served by vLLM, without remote code.

In: vLLM, which calls `register` in each of its processes (entry point group `vllm.general_plugins`).
Out: vLLM knows the architecture, its image processor and its limits; the text models of the family get their
own tokenizer, for which vLLM alone takes Qwen2's, with other ids. Conversations are rendered by id, so that
no text of a user, a tool or a file becomes a control token or an image slot.
Knows nothing of the embedded engine and of `adotx serve`. Importing this package imports neither vLLM nor
torch. docs/vllm.md says how to serve.
"""

from __future__ import annotations

import logging

from adotx.tested import Range, untested

ARCHITECTURE = "AX4VLForConditionalGeneration"
#: Versions of vLLM that the tests have run with: from the first, before the second.
TESTED: Range = ((0, 32), (0, 33))


def register() -> None:
    """Make vLLM know A.X 4.0. May be called again, in any process; adds no second entry."""
    import vllm
    from vllm import ModelRegistry
    from vllm.model_executor.models.config import MODELS_CONFIG_MAP
    from vllm.renderers.registry import RENDERER_REGISTRY

    import adotx.hf  # noqa: F401 - registers configuration, processor and tokenizer with transformers
    from adotx.vllm.limits import AX4VLLimits

    if told := untested("vllm", vllm.__version__, TESTED):
        logging.getLogger("vllm.adotx").warning(told)
    if ARCHITECTURE not in ModelRegistry.get_supported_archs():
        # By name: the model's module is imported where a checkpoint of this kind is opened.
        ModelRegistry.register_model(ARCHITECTURE, f"adotx.vllm.model:{ARCHITECTURE}")
    MODELS_CONFIG_MAP[ARCHITECTURE] = AX4VLLimits
    # In place of vLLM's for all models; it acts on our tokenizer alone, which text models have too.
    RENDERER_REGISTRY.renderers["hf"] = ("adotx.vllm.rendering", "AX4Renderer")

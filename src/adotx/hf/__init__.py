"""Native `transformers` classes of A.X 4.0 VL and the family's tokenizer (extra `train`: torch and
transformers).

`import adotx.hf` registers everything with the Auto classes, so that scripts written for the published
checkpoints run unchanged but for the path of the model. What differs on purpose:

- No remote code: a checkpoint's `auto_map` is ignored, also with `trust_remote_code=True`.
- The KV cache is on, although the published files turn it off (`generate(use_cache=False)` still does).
- `AutoTokenizer` gives a text checkpoint of the family its own byte-level tokenizer. transformers 5 alone
  takes Qwen2's for it, with other ids than the model was trained on.
- Chat templates of the published files are replaced by ours, which renders the same text and does not fail on
  null content, list content, tools with a system message, or an image in an answer. Pass `chat_template=` to
  `from_pretrained` or `apply_chat_template` to use another one.
- The processor pads on the left and raises when image tokens and images differ in number, either way, and for
  arguments that it does not know.
- Image slots are never labels.

Knows nothing of the embedded engine. Tested with transformers 5.16 to 5.24;
another version is told of in its log, one before 5.0 refused.
"""

# ruff: noqa: E402 - too old a transformers is told of before what it lacks is imported
from adotx.hf.versions import check

check()

from adotx.hf.auto import register
from adotx.hf.base_model import AX4VLModel
from adotx.hf.configuration import AX4VLConfig, AX4VLProjectorConfig
from adotx.hf.image_processing import AX4VLImageProcessor
from adotx.hf.modeling import AX4VLCausalLMOutputWithPast, AX4VLForConditionalGeneration
from adotx.hf.processing import AX4VLProcessor
from adotx.hf.projector import LDPNetV2Projector
from adotx.hf.tokenization import AX4Tokenizer, load_family_tokenizer

register()

__all__ = [
    "AX4Tokenizer",
    "AX4VLCausalLMOutputWithPast",
    "AX4VLConfig",
    "AX4VLForConditionalGeneration",
    "AX4VLImageProcessor",
    "AX4VLModel",
    "AX4VLProcessor",
    "AX4VLProjectorConfig",
    "LDPNetV2Projector",
    "load_family_tokenizer",
    "register",
]

"""Conversations of vLLM's requests become ids in `adotx.chat`, not a text whose control tokens are read.

In: messages as vLLM has parsed them. Out: ids with one id for each image. Does not know images.

vLLM has a tokenizer render to text and encodes that; a user who writes `<|im_end|>` then ends their turn, and
one who writes `<|extra_id_11|>` moves an image. The family's tokenizer renders by id where it is asked for
ids; other tokenizers and chat templates of the operator are left alone. A prompt with image tokens and no
image is refused here as well.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vllm.renderers.hf import HfRenderer

from adotx.hf import AX4Tokenizer
from adotx.vllm.images import check_slots


class AX4Renderer(HfRenderer):
    """vLLM's renderer, which asks the family's tokenizer for ids and refuses slots without images."""

    def render_messages(self, messages: Any, params: Any) -> Any:
        return super().render_messages(messages, self._asking_for_ids(params))

    async def render_messages_async(self, messages: Any, params: Any) -> Any:
        return await super().render_messages_async(messages, self._asking_for_ids(params))

    # vLLM hands prompts without images to no processor: their slots would be embedded as ordinary tokens.

    def _process_tokens(self, prompt: Any, **more: Any) -> Any:
        self._refuse_empty_slots(prompt)
        return super()._process_tokens(prompt, **more)

    async def _process_tokens_async(self, prompt: Any, **more: Any) -> Any:
        self._refuse_empty_slots(prompt)
        return await super()._process_tokens_async(prompt, **more)

    def _refuse_empty_slots(self, prompt: Any) -> None:
        if isinstance(self.tokenizer, AX4Tokenizer) and not prompt.get("multi_modal_data"):
            slot = getattr(self.model_config.hf_config, "image_token_index", None)
            if slot is not None:  # the text models of the family have none
                check_slots(prompt["prompt_token_ids"], slot, 0)

    def _asking_for_ids(self, params: Any) -> Any:
        if not isinstance(self.tokenizer, AX4Tokenizer):
            return params
        return replace(params, chat_template_kwargs={**params.chat_template_kwargs, "tokenize": True})

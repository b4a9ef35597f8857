"""Conversations of vLLM's requests become ids in `adotx.chat`, not a text whose control tokens are read.

In: messages as vLLM has parsed them. Out: ids with one id for each image. Does not know images.

vLLM has a tokenizer render to text and encodes that; a user who writes `<|im_end|>` then ends their turn, and
one who writes `<|extra_id_11|>` moves an image. The family's tokenizer renders by id where it is asked for
ids, which is all that is changed here; other tokenizers and chat templates of the operator are left alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vllm.renderers.hf import HfRenderer

from adotx.hf import AX4Tokenizer


class AX4Renderer(HfRenderer):
    """vLLM's renderer, which asks the family's tokenizer for ids."""

    def render_messages(self, messages: Any, params: Any) -> Any:
        return super().render_messages(messages, self._asking_for_ids(params))

    async def render_messages_async(self, messages: Any, params: Any) -> Any:
        return await super().render_messages_async(messages, self._asking_for_ids(params))

    def _asking_for_ids(self, params: Any) -> Any:
        if not isinstance(self.tokenizer, AX4Tokenizer):
            return params
        return replace(params, chat_template_kwargs={**params.chat_template_kwargs, "tokenize": True})

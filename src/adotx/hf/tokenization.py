"""Tokenizer of the A.X 4.0 family for transformers: the published files in, the published ids out.

In: a directory or hub id with tokenizer.json, or vocab.json and merges.txt. Out: `AX4Tokenizer`.
Does not know models or images.

Four things differ from what `AutoTokenizer` would give. A text checkpoint of this family says `model_type:
qwen2`, for which transformers 5 takes Qwen2's regular expression (digits one by one, line breaks joined)
whatever the files say: other ids than the model was trained on. `apply_chat_template` returns ids rather
than a dictionary, as the model card's script expects. Batches are padded on the left, so that they can be
continued, until `padding_side` says otherwise. And conversations go through `adotx.chat.render`, so that
nothing a user writes becomes a control token.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import GPT2Tokenizer
from transformers.models.auto.tokenization_auto import get_tokenizer_config
from transformers.tokenization_utils_base import VERY_LARGE_INTEGER
from transformers.utils import cached_file

from adotx.checkpoint.tokenizer import AddedToken, AxTokenizer
from adotx.errors import AdotxError
from adotx.hf.rendering import (
    TEXT_FAMILY,
    VL_FAMILY,
    Conversations,
    default_template,
    is_family_template,
    refuse_argument,
)

_PLAIN_SPLIT = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
# Ids that all checkpoints of the family share and no other GPT-2 shaped vocabulary has.
FAMILY_IDS = {"<|user|>": 8, "<|assistant|>": 10, "<|extra_id_13|>": 24, "<|im_start|>": 25, "<|im_end|>": 27}
# Arguments of from_pretrained that say where files come from.
HUB_KEYS = ("cache_dir", "force_download", "local_files_only", "revision", "subfolder", "token")

_CLASSES = ("GPT2Tokenizer", "GPT2TokenizerFast", "AX4Tokenizer")
_NOT_FOR_TOKENIZERS = ("backend", "code_revision", "config", "trust_remote_code", "use_fast", "_from_auto")
_ELSEWHERE = ("gguf_file", "tokenizer_type")
# Arguments of a tokenizer that say nothing to ids that are made one by one.
_UNUSED = ("add_special_tokens", "verbose", "return_token_type_ids", "stride", "sanitize_control_tokens")


class AX4Tokenizer(GPT2Tokenizer):
    """Byte-level BPE with the control tokens of A.X 4.0, and its own chat format."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.pop("auto_map", None)
        # It removes spaces before punctuation, for WordPiece; it would damage byte-level text.
        kwargs["clean_up_tokenization_spaces"] = False
        kwargs.setdefault("padding_side", "left")
        super().__init__(*args, **kwargs)
        if self.chat_template is None or is_family_template(self.chat_template):
            self.chat_template = default_template(self.family)

    @classmethod
    def from_pretrained(cls, name: Any, *args: Any, **kwargs: Any) -> AX4Tokenizer:  # type: ignore[override]
        """As in transformers; but padding is left unless asked for here, and the pre-tokenizer and normalizer
        of a tokenizer.json are used."""
        template = kwargs.pop("chat_template", None)
        tokenizer = super().from_pretrained(name, *args, **kwargs)
        if template is not None:
            tokenizer.chat_template = template
        # The published files say "right", which no batch that is to be continued can use.
        tokenizer.padding_side = kwargs.get("padding_side") or "left"
        hub = {key: kwargs[key] for key in HUB_KEYS if kwargs.get(key) is not None}
        file = cached_file(name, "tokenizer.json", _raise_exceptions_for_missing_entries=False, **hub)
        if file is not None:
            document = json.loads(Path(file).read_text(encoding="utf-8"))
            split = document.get("pre_tokenizer") or {}
            if document.get("normalizer") is not None or {**_PLAIN_SPLIT, **split} != _PLAIN_SPLIT:
                backend = Tokenizer.from_file(file)
                tokenizer._tokenizer.normalizer = backend.normalizer
                tokenizer._tokenizer.pre_tokenizer = backend.pre_tokenizer
        return tokenizer

    @property
    def family(self) -> str:
        """Which chat format: only vision checkpoints have the image slot `<|extra_id_11|>`."""
        return VL_FAMILY if "<|extra_id_11|>" in self.get_added_vocab() else TEXT_FAMILY

    @property
    def is_family_vocabulary(self) -> bool:
        """Whether the control tokens stand at the family's ids."""
        return all(self.convert_tokens_to_ids(token) == i for token, i in FAMILY_IDS.items())

    @cached_property
    def plain(self) -> AxTokenizer:
        """The same vocabulary as an encoder that cannot produce a control token."""
        document = json.loads(self.backend_tokenizer.to_str())
        added = [AddedToken(t["id"], t["content"], t["special"]) for t in document["added_tokens"]]
        return AxTokenizer(
            document["model"], added, document["normalizer"], document["pre_tokenizer"], "tokenizer"
        )

    def apply_chat_template(  # type: ignore[override]
        self,
        conversation: Any,
        tools: Any = None,
        documents: Any = None,
        chat_template: str | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool = False,
        tokenize: bool = True,
        padding: Any = False,
        truncation: bool = False,
        max_length: int | None = None,
        return_tensors: Any = None,
        return_dict: bool = False,
        return_assistant_tokens_mask: bool = False,
        tokenizer_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Render a conversation, or a list of them.

        Arguments as in transformers, but `return_dict` is False by default. A custom template, given here or
        set as `chat_template`, is rendered by transformers as usual. The A.X template has neither documents
        nor variables: where it is used they are refused, not dropped.

        Returns:
            A text when `tokenize` is False; else ids (lists, or a tensor for `return_tensors`), or a
            dictionary with input_ids, attention_mask and, if asked for, assistant_masks (1 where an answer
            is trained on).

        Raises:
            AdotxError: ``chat.*`` for messages that cannot be rendered, ``processor.unsupported`` for
                documents and for an argument that is not known.
        """
        # vLLM hands our own template over with each call.
        used = self.chat_template if chat_template is None else chat_template
        kwargs.pop("sanitize_control_tokens", None)  # always done
        if used != default_template(self.family):
            return super().apply_chat_template(
                conversation,
                tools=tools,
                documents=documents,
                chat_template=chat_template,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=continue_final_message,
                tokenize=tokenize,
                padding=padding,
                truncation=truncation,
                max_length=max_length,
                return_tensors=return_tensors,
                return_dict=return_dict,
                return_assistant_tokens_mask=return_assistant_tokens_mask,
                tokenizer_kwargs=tokenizer_kwargs,
                **kwargs,
            )
        if documents:
            what, remedy = "the A.X format has no place for documents", "put their text into a message"
            raise AdotxError("processor.unsupported", what, "apply_chat_template", remedy)
        for name, value in kwargs.items():
            if value is not None and name not in _UNUSED:
                refuse_argument(name, "apply_chat_template")
        chats = Conversations.of(conversation)
        rendered = chats.render(
            self.plain,
            family=self.family,
            tools=tools,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=continue_final_message,
        )
        if not tokenize:
            return chats.unbatch([part.text for part in rendered])
        batch: dict[str, Any] = self.pad_rendered(
            rendered,
            padding=padding or (len(rendered) > 1 and return_tensors is not None),
            truncation=truncation,
            max_length=max_length,
            masks=return_assistant_tokens_mask,
            **(tokenizer_kwargs or {}),
        )
        if return_tensors is None and not chats.batched:
            batch = {key: rows[0] for key, rows in batch.items()}
        encoding = self._as_encoding(batch, return_tensors)
        return encoding if return_dict else encoding["input_ids"]

    def pad_rendered(
        self,
        rendered: list[Any],
        padding: Any = False,
        truncation: Any = False,
        max_length: int | None = None,
        masks: bool = False,
        padding_side: str | None = None,
        pad_to_multiple_of: int | None = None,
        return_attention_mask: bool | None = None,
        **unknown: Any,
    ) -> dict[str, list[list[int]]]:
        """Rows of ids as one batch.

        Args:
            rendered: what `adotx.chat.render` returned for each row.
            padding: False, True or "longest", or "max_length".
            truncation: cut rows at `max_length`, on the side `truncation_side`.
            masks: add `assistant_masks`.
            padding_side: "left" or "right"; default: the tokenizer's `padding_side`.
            return_attention_mask: False leaves it out.
            **unknown: arguments that change nothing here (`_UNUSED`).

        Returns:
            input_ids, attention_mask and perhaps assistant_masks as lists.

        Raises:
            AdotxError: ``processor.unsupported`` for an argument that is not known.
        """
        for name, value in unknown.items():
            if name not in _UNUSED and value not in (None, False):
                refuse_argument(name, "apply_chat_template")
        cut = self._room(max_length) if truncation not in (False, None, "do_not_truncate") else None
        rows = [(self._cut(part.ids, cut), self._cut(part.mask, cut)) for part in rendered]
        width = 0
        if padding not in (False, None, "do_not_pad"):
            width = max(len(ids) for ids, _ in rows)
            width = max_length if padding == "max_length" and max_length else width
            multiple = pad_to_multiple_of or 1
            width = -(-width // multiple) * multiple
        batch: dict[str, list[list[int]]] = {"input_ids": []}
        if return_attention_mask is not False:
            batch["attention_mask"] = []
        if masks:
            batch["assistant_masks"] = []
        for ids, mask in rows:
            short = max(0, width - len(ids))
            before, after = (short, 0) if (padding_side or self.padding_side) == "left" else (0, short)
            row = {
                "input_ids": ([self.pad_token_id], ids),
                "attention_mask": ([0], [1] * len(ids)),
                "assistant_masks": ([0], [int(m) for m in mask]),
            }
            for key, values in batch.items():
                fill, part = row[key]
                values.append(fill * before + list(part) + fill * after)
        return batch

    def _room(self, max_length: int | None) -> int | None:
        if max_length is not None:
            return max_length
        return int(self.model_max_length) if self.model_max_length < VERY_LARGE_INTEGER else None

    def _cut(self, row: list[Any], length: int | None) -> list[Any]:
        if length is None or len(row) <= length:
            return row
        return row[len(row) - length :] if self.truncation_side == "left" else row[:length]

    @staticmethod
    def _as_encoding(batch: dict[str, Any], return_tensors: Any) -> Any:
        from transformers import BatchEncoding

        return BatchEncoding(batch, tensor_type=return_tensors)

    def save_pretrained(self, save_directory: Any, *args: Any, **kwargs: Any) -> Any:
        """As in transformers, under the published class name, so that the files load without adotx."""
        files = super().save_pretrained(save_directory, *args, **kwargs)
        path = Path(save_directory) / "tokenizer_config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        config["tokenizer_class"] = "GPT2Tokenizer"
        for key in ("is_local", "local_files_only"):  # how it was loaded here
            config.pop(key, None)
        path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return files


def load_family_tokenizer(name: Any, *args: Any, **kwargs: Any) -> AX4Tokenizer | None:
    """The tokenizer of `name` when it is one of this family, else None.

    Args:
        name: a directory or hub id.
        **kwargs: as for `AutoTokenizer.from_pretrained`.
    """
    if any(kwargs.get(key) is not None for key in _ELSEWHERE):
        return None
    kwargs = {k: v for k, v in kwargs.items() if k not in (*_NOT_FOR_TOKENIZERS, *_ELSEWHERE)}
    hub = {
        k: v
        for k, v in kwargs.items()
        if k in ("cache_dir", "local_files_only", "revision", "subfolder", "token")
    }
    if get_tokenizer_config(name, **hub).get("tokenizer_class") not in _CLASSES:
        return None
    tokenizer = AX4Tokenizer.from_pretrained(name, *args, **kwargs)
    return tokenizer if tokenizer.is_family_vocabulary else None

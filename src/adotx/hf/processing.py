"""Processor of A.X 4.0 VL: images and texts or conversations in, model inputs out.

In: images as `AX4VLImageProcessor` takes them; texts with one image token per image, or conversations.
Out: `BatchFeature` with input_ids, attention_mask, pixel_values and image_sizes.
Does not know models.

There are two ways to ids. `apply_chat_template(tokenize=True)` renders by id: nothing that a user, a tool or
a document wrote can become a control token or an image slot. The published way, text first and then
`processor(text=...)`, reads control tokens out of the text, as everywhere in transformers; use it with text
that you trust. Both pad on the tokenizer's `padding_side`, left unless set, so that each row can be
continued; pass `padding_side="right"` for training. An argument that neither part knows is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import ProcessorMixin
from transformers.image_processing_utils import BatchFeature
from transformers.processing_utils import MultiModalData, TextKwargs

from adotx.errors import AdotxError
from adotx.hf.image_processing import AX4VLImageProcessor, flatten
from adotx.hf.rendering import (
    VL_FAMILY,
    Conversations,
    default_template,
    is_family_template,
    refuse_argument,
)
from adotx.hf.tokenization import AX4Tokenizer

_OTHER_MEDIA = ("videos", "audio", "audios")
# What transformers hands to any processor, and says nothing to this one.
_WITHOUT_MEANING = ("load_audio_from_video", "return_metadata", "sanitize_control_tokens")


class AX4VLProcessor(ProcessorMixin):
    """Image processor and tokenizer in one object.

    Args:
        image_processor: `AX4VLImageProcessor`.
        tokenizer: `AX4Tokenizer`.
        patch_size: saved again; not used.
        num_tokens_per_tile: ids that one tile becomes.
        image_token: the token in a text that stands for an image.
        chat_template: a custom Jinja template; default: that of `adotx.chat`.
    """

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        patch_size: int = 16,
        num_tokens_per_tile: int = 144,
        image_token: str = "<|extra_id_11|>",
        chat_template: str | None = None,
        **_: Any,
    ) -> None:
        if chat_template is None or is_family_template(chat_template):
            chat_template = default_template(VL_FAMILY)
        super().__init__(image_processor, tokenizer, chat_template=chat_template)
        self.patch_size = patch_size
        self.num_tokens_per_tile = num_tokens_per_tile
        self.image_token = image_token
        self.image_token_id = tokenizer.convert_tokens_to_ids(image_token)

    @classmethod
    def from_pretrained(cls, name: Any, *args: Any, **kwargs: Any) -> AX4VLProcessor:  # type: ignore[override]
        """As in transformers; a `chat_template` given here is used unchanged."""
        template = kwargs.pop("chat_template", None)
        processor = super().from_pretrained(name, *args, **kwargs)
        if template is not None:
            processor.chat_template = template
        return processor

    @classmethod
    def _get_arguments_from_pretrained(
        cls, pretrained_model_name_or_path: Any, processor_dict: Any = None, **kwargs: Any
    ) -> list[Any]:
        """Both parts by their classes: AutoImageProcessor needs torchvision in transformers 5.16."""
        kwargs = {k: v for k, v in kwargs.items() if k not in ("trust_remote_code", "use_fast", "backend")}
        tokenizer = AX4Tokenizer.from_pretrained(pretrained_model_name_or_path, **kwargs)
        if not tokenizer.is_family_vocabulary:
            what = "its tokenizer is not of the A.X 4.0 family (control tokens at ids 8, 10, 24, 25, 27)"
            remedy = "copy the tokenizer files from the original checkpoint"
            raise AdotxError("processor.tokenizer", what, str(pretrained_model_name_or_path), remedy)
        return [AX4VLImageProcessor.from_pretrained(pretrained_model_name_or_path, **kwargs), tokenizer]

    def __call__(
        self,
        images: Any = None,
        text: str | list[str] | None = None,
        conversations: Any = None,
        return_text_replacement_offsets: bool = False,
        return_mm_token_type_ids: bool = False,
        **kwargs: Any,
    ) -> BatchFeature:
        """Model inputs of texts and images.

        Args:
            images: all images of the batch, in the order of their tokens; nested lists are flattened.
            text: a text or a list; each image token in it stands for one image.
            conversations: instead of texts, to be rendered first; images inside or in `images`.
            return_text_replacement_offsets: add where in each text an image token was replaced, and by what.
            return_mm_token_type_ids: add 1 for each image slot, 0 for text.
            **kwargs: `padding` (False), `padding_side` (the tokenizer's), `return_tensors` and other
                arguments of the tokenizer, flat or in `text_kwargs`; tile settings too, or `images_kwargs`.

        Raises:
            AdotxError: ``processor.images`` when image tokens and images differ in number, with both numbers;
                ``processor.unsupported`` for an unknown argument, videos and sound.
        """
        text_kwargs, image_kwargs = self._split(kwargs)
        return_tensors = text_kwargs.pop("return_tensors", None)
        offsets = text_kwargs.pop("return_text_replacement_offsets", None) or return_text_replacement_offsets
        types = text_kwargs.pop("return_mm_token_type_ids", None) or return_mm_token_type_ids
        if text is None and conversations is not None:
            return self.apply_chat_template(
                conversations,
                images=images,
                tokenize=True,
                return_dict=True,
                return_tensors=return_tensors,
                processor_kwargs={**text_kwargs, **image_kwargs},
            )
        given = flatten(images)
        data: dict[str, Any] = {}
        tiles: list[int] = []
        if given:
            features = self.image_processor.preprocess(given, **image_kwargs)
            tiles = _taken_counts(features)
            data.update(features)
        if text is not None:
            texts, replaced = self._expand([text] if isinstance(text, str) else list(text), tiles)
            encoded = self.tokenizer(texts, **{"padding": False, "add_special_tokens": False, **text_kwargs})
            self._check_whole(encoded["input_ids"], tiles)
            data = {**encoded, **data}
            if types:
                data["mm_token_type_ids"] = self.create_mm_token_type_ids(encoded["input_ids"])
            if offsets:
                data["text_replacement_offsets"] = replaced
        if not data:
            raise AdotxError("processor.input", "neither text nor images given", "AX4VLProcessor")
        return BatchFeature(data, return_tensors, skip_tensor_conversion=["text_replacement_offsets"])

    def replace_image_token(self, image_inputs: dict[str, Any], image_idx: int, **_: Any) -> str:
        """What an image token becomes: as many as the image has slots.

        Args:
            image_inputs: what the image processor gave.
            image_idx: which of its images.
        """
        return self.image_token * (int(image_inputs["num_tiles"][image_idx]) * self.num_tokens_per_tile)

    def _get_num_multimodal_tokens(
        self, image_sizes: list[tuple[int, int]] | None = None, **kwargs: Any
    ) -> MultiModalData:
        """Slots and tiles of images of these sizes (height, width), as vLLM asks for them."""
        if image_sizes is None:
            return MultiModalData()
        count = self.image_processor.get_number_of_image_patches
        tiles = [count(height, width, kwargs) for height, width in image_sizes]
        slots = [number * self.num_tokens_per_tile for number in tiles]
        return MultiModalData(num_image_tokens=slots, num_image_patches=tiles)

    def _split(self, kwargs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Arguments for the tokenizer and for the image processor."""
        for name in _OTHER_MEDIA:
            if (value := kwargs.pop(name, None)) is not None and len(value):
                what, remedy = "{medium} given, but the model reads images only", "give pictures"
                raise AdotxError("processor.unsupported", what, "AX4VLProcessor", remedy, medium=name)
        text_kwargs = {**kwargs.pop("common_kwargs", {}), **kwargs.pop("text_kwargs", {})}
        image_kwargs = dict(kwargs.pop("images_kwargs", {}))
        image_kwargs.pop("return_tensors", None)
        known = self.image_processor.valid_kwargs.__annotations__
        for key, value in kwargs.items():
            target = image_kwargs if key in known and key != "return_tensors" else text_kwargs
            target[key] = value
        for key in [key for key in text_kwargs if key not in TextKwargs.__annotations__]:
            if text_kwargs.pop(key) is not None and key not in _WITHOUT_MEANING:
                refuse_argument(key, "AX4VLProcessor")
        return text_kwargs, image_kwargs

    def _expand(self, texts: list[str], tiles: list[int]) -> tuple[list[str], list[list[dict[str, Any]]]]:
        """Replace each image token by as many as its image has; where that was, as transformers tells it."""
        slots = sum(text.count(self.image_token) for text in texts)
        if slots != len(tiles):
            raise AdotxError(
                "processor.images",
                "{slots} image tokens {token} in the text but {images} images",
                "AX4VLProcessor",
                "give one image for each image token",
                slots=slots,
                token=self.image_token,
                images=len(tiles),
            )
        counts = iter(tiles)
        expanded: list[str] = []
        replaced: list[list[dict[str, Any]]] = []
        for text in texts:
            head, *parts = text.split(self.image_token)
            replaced.append([])
            start = len(head)
            for part in parts:
                tokens = self.image_token * (next(counts) * self.num_tokens_per_tile)
                end, new_end = start + len(self.image_token), len(head) + len(tokens)
                replaced[-1].append(
                    {
                        "type": "image",
                        "span": (start, end),
                        "new_span": (len(head), new_end),
                        "text": self.image_token,
                        "replacement": tokens,
                    }
                )
                head += tokens + part
                start = end + len(part)
            expanded.append(head)
        return expanded, replaced

    def _check_whole(self, ids: list[list[int]], tiles: list[int]) -> None:
        rows = ids.tolist() if hasattr(ids, "tolist") else ids
        found = sum(list(row).count(self.image_token_id) for row in rows)
        if found != (expected := sum(tiles) * self.num_tokens_per_tile):
            raise AdotxError(
                "processor.images",
                "{found} image slots are left of {expected}: truncation cut into an image",
                "AX4VLProcessor",
                "raise max_length, or fewer tiles",
                found=found,
                expected=expected,
            )

    def apply_chat_template(  # type: ignore[override]
        self,
        conversation: Any,
        chat_template: str | None = None,
        tools: Any = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool = False,
        return_assistant_tokens_mask: bool = False,
        tokenize: bool = False,
        return_tensors: Any = None,
        return_dict: bool = False,
        images: Any = None,
        processor_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Render a conversation, or a list of them.

        Args:
            conversation: messages with content None, text, or a list of {"type": "text" | "image" |
                "image_url"}. An image part may hold its image ("image", "path", "base64", a data URL);
                nothing is fetched.
            chat_template: a custom template, which transformers renders as usual.
            tokenize: False gives text with one image token per image, for `processor(text=...)`.
            return_dict: with `tokenize`: everything the model needs; otherwise input_ids alone.
            images: for the image parts that hold none, in order.
            processor_kwargs: `padding`, `padding_side`, `truncation`, `max_length`, tile settings; may also
                be given flat. The A.X template has no variables: another name is refused.

        Raises:
            AdotxError: ``chat.*`` for messages that cannot be rendered, ``image.*`` for images,
                ``processor.images`` where truncation cuts into an image, ``processor.unsupported`` for an
                unknown argument.
        """
        return_tensors = None if return_tensors == "auto" else return_tensors
        # A caller may hand over our own template, which is rendered by id all the same.
        if (chat_template or self.chat_template) != default_template(VL_FAMILY):
            return super().apply_chat_template(
                conversation,
                chat_template=chat_template,
                tools=tools,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=continue_final_message,
                return_assistant_tokens_mask=return_assistant_tokens_mask,
                tokenize=tokenize,
                return_tensors=return_tensors,
                return_dict=return_dict,
                processor_kwargs=processor_kwargs,
                **kwargs,
            )
        chats = Conversations.of(conversation)
        options: dict[str, Any] = {
            "family": VL_FAMILY,
            "tools": tools,
            "image_token_id": self.image_token_id,
            "tokens_per_tile": self.num_tokens_per_tile,
            "add_generation_prompt": add_generation_prompt,
            "continue_final_message": continue_final_message,
        }
        plain = self._plain_tokenizer()
        text_kwargs, image_kwargs = self._split({**(processor_kwargs or {}), **kwargs})
        if not tokenize:
            return chats.unbatch([part.text for part in chats.render(plain, **options)])
        return_tensors = text_kwargs.pop("return_tensors", return_tensors)
        rows = chats.images(flatten(images))
        data: dict[str, Any] = {}
        tiles: list[list[int]] = [[] for _ in rows]
        if given := flatten(rows):
            features = self.image_processor.preprocess(given, **image_kwargs)
            counts = iter(_taken_counts(features))
            tiles = [[next(counts) for _ in row] for row in rows]
            data.update(features)
        rendered = chats.render(plain, tiles=tiles, **options)
        padding = text_kwargs.pop("padding", None)
        if padding is None:
            padding = len(rendered) > 1 and return_tensors is not None
        types = text_kwargs.pop("return_mm_token_type_ids", False)
        batch = self.tokenizer.pad_rendered(
            rendered, padding=padding, masks=return_assistant_tokens_mask, **text_kwargs
        )
        self._check_whole(batch["input_ids"], [count for row in tiles for count in row])
        if types:
            batch["mm_token_type_ids"] = self.create_mm_token_type_ids(batch["input_ids"])
        if not return_dict:
            data = {}
        features = BatchFeature(data={**batch, **data}, tensor_type=return_tensors)
        return features if return_dict else features["input_ids"]

    def _plain_tokenizer(self) -> Any:
        if not isinstance(self.tokenizer, AX4Tokenizer):
            what, remedy = "the tokenizer is a {type}", "load it with AX4Tokenizer"
            kind = type(self.tokenizer).__name__
            raise AdotxError("processor.tokenizer", what, "AX4VLProcessor", remedy, type=kind)
        return self.tokenizer.plain

    def save_pretrained(self, save_directory: Any, push_to_hub: bool = False, **kwargs: Any) -> Any:
        """As in transformers, with preprocessor_config.json beside processor_config.json as published."""
        Path(save_directory).mkdir(parents=True, exist_ok=True)
        self.image_processor.save_pretrained(save_directory)
        return super().save_pretrained(save_directory, push_to_hub=push_to_hub, **kwargs)


def _taken_counts(features: BatchFeature) -> list[int]:
    """The tiles of each image, taken out of what goes to the model."""
    features.pop("num_patches")
    return list(features.pop("num_tiles"))

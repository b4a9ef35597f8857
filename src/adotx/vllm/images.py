"""Images of vLLM's requests: pictures in, tiles and their slots out, by our processor and tile formula.

In: prompts as ids in which one id `image_token_index` stands for each image; images as vLLM has opened them;
`mm_processor_kwargs` (`max_num_tiles` and the other tile settings) of the server and of a request.
Out: `pixel_values` [tiles, 3, size, size], `num_tiles` for each image, and prompts in which each image holds
its slots. Does not know models or conversations.

vLLM sizes its memory by the largest image: `max_num_tiles` of the server and the thumbnail. A request may ask
for fewer tiles, not for more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from vllm.multimodal.inputs import MultiModalFieldConfig
from vllm.multimodal.parse import ImageSize
from vllm.multimodal.processing import (
    BaseDummyInputsBuilder,
    BaseMultiModalProcessor,
    BaseProcessingInfo,
    PromptReplacement,
)

from adotx.errors import AdotxError
from adotx.hf import AX4VLProcessor

# Where transformers' processors find arguments for images.
_SCOPES = ("images_kwargs", "common_kwargs")
_FOR_TEXT = "text_kwargs"
#: What stands for an image in a text.
IMAGE_TOKEN = "<|extra_id_11|>"
# What the model takes.
_FIELDS = {"pixel_values", "num_tiles"}


def check_slots(prompt: Sequence[int], image_token_id: int, images: int) -> None:
    """AdotxError ``processor.images`` unless the prompt has one image token for each image."""
    if (slots := list(prompt).count(image_token_id)) != images:
        raise AdotxError(
            "processor.images",
            "{slots} image tokens {token} in the text but {images} images",
            "prompt",
            "give one image for each image token",
            slots=slots,
            token=IMAGE_TOKEN,
            images=images,
        )


@lru_cache
def _processor(model: str, revision: str | None) -> AX4VLProcessor:
    # vLLM asks for it with every request; its own loader would put its sentence in place of ours.
    return AX4VLProcessor.from_pretrained(model, revision=revision or "main")


class AX4VLProcessingInfo(BaseProcessingInfo):
    """What vLLM asks of the kind of model, before any image is there."""

    @property
    def processor(self) -> AX4VLProcessor:
        """The checkpoint's processor, as saved."""
        return _processor(self.ctx.model_config.model, self.ctx.model_config.revision)

    def get_hf_processor(self, **kwargs: object) -> AX4VLProcessor:
        """As `processor`; settings are applied to the images alone (`image_settings`)."""
        return self.processor

    def image_settings(self, kwargs: Mapping[str, object]) -> dict[str, Any]:
        """Arguments of `AX4VLImageProcessor.preprocess`: the server's, overridden by a request's.

        Raises:
            AdotxError: ``vllm.tiles`` where a request asks for more tiles than memory was sized for.
        """
        most, asked = self._tile_rule({}), self._tile_rule(kwargs)
        if asked.max_image_tokens > most.max_image_tokens:
            raise AdotxError(
                "vllm.tiles",
                "{asked} tiles asked for, the server was started for {limit}",
                "mm_processor_kwargs",
                "start it with --mm-processor-kwargs '{{\"max_num_tiles\": {asked}}}', or ask for fewer",
                asked=asked.max_tiles,
                limit=most.max_tiles,
            )
        return self._image_kwargs(kwargs)

    def _image_kwargs(self, kwargs: Mapping[str, object]) -> dict[str, Any]:
        merged = dict(self.ctx.get_merged_mm_kwargs(kwargs))
        scoped = {scope: merged.pop(scope, None) or {} for scope in _SCOPES}
        merged.pop(_FOR_TEXT, None)
        for scope, part in scoped.items():
            if not isinstance(part, Mapping):
                what, value = "{key} = {value} is not of type {type}", repr(part)[:80]
                where, remedy = "mm_processor_kwargs", "correct it"
                raise AdotxError(
                    "processor.unsupported", what, where, remedy, key=scope, value=value, type="object"
                )
            merged.update(part)
        merged.pop("return_tensors", None)
        return merged

    def _tile_rule(self, kwargs: Mapping[str, object]) -> Any:
        """The tile rule of a request with these arguments."""
        return self.processor.image_processor.rule_for(self._image_kwargs(kwargs))

    def get_supported_mm_limits(self) -> Mapping[str, int | None]:
        """Any number of images; how many, is the operator's to say (`--limit-mm-per-prompt`)."""
        return {"image": None}

    def largest_image(self) -> ImageSize:
        """A size in pixels that takes every tile: one row of as many as there may be."""
        rule = self._tile_rule({})
        return ImageSize(width=rule.tile_size * rule.max_tiles, height=rule.tile_size)

    def get_mm_max_tokens_per_item(self, seq_len: int, mm_counts: Mapping[str, int]) -> Mapping[str, int]:
        """Slots of the largest image."""
        largest, kwargs = self.largest_image(), self._image_kwargs({})
        count = self.processor.image_processor.get_number_of_image_patches
        tiles = count(largest.height, largest.width, kwargs)
        return {"image": tiles * self.processor.num_tokens_per_tile}


class AX4VLDummyInputs(BaseDummyInputsBuilder[AX4VLProcessingInfo]):
    """The largest input, by which vLLM measures memory."""

    def get_dummy_text(self, mm_counts: Mapping[str, int]) -> str:
        return self.info.processor.image_token * mm_counts.get("image", 0)

    def get_dummy_mm_data(
        self, seq_len: int, mm_counts: Mapping[str, int], mm_options: Mapping[str, Any]
    ) -> dict[str, Any]:
        width, height = self.info.largest_image()
        count, overrides = mm_counts.get("image", 0), mm_options.get("image")
        images = self._get_dummy_images(width=width, height=height, num_images=count, overrides=overrides)
        return {"image": images}


class AX4VLMultiModalProcessor(BaseMultiModalProcessor[AX4VLProcessingInfo]):
    """One request's images."""

    def _call_hf_processor(self, hf_data: Mapping[str, Any], hf_kwargs: Mapping[str, object]) -> Any:
        # Not by vLLM's own call: it hides our sentence behind a dump of the arguments.
        settings = self.info.image_settings(hf_kwargs)
        processor = self.info.processor.image_processor
        batch = processor.preprocess(hf_data["images"], return_tensors="pt", **settings)
        for key in batch.keys() - _FIELDS:
            batch.pop(key)
        batch["pixel_values"] = batch["pixel_values"].to(self.info.ctx.model_config.dtype)
        return batch

    def _get_mm_fields_config(
        self, hf_inputs: Mapping[str, Any], hf_processor_mm_kwargs: Mapping[str, object]
    ) -> Mapping[str, MultiModalFieldConfig]:
        if "num_tiles" not in hf_inputs:  # every image of the request was prepared before
            return {}
        return {
            "pixel_values": MultiModalFieldConfig.flat_from_sizes("image", hf_inputs["num_tiles"]),
            "num_tiles": MultiModalFieldConfig.batched("image", keep_on_cpu=True),
        }

    def _get_prompt_updates(
        self, mm_items: Any, hf_processor_mm_kwargs: Mapping[str, object], out_mm_kwargs: Any
    ) -> Sequence[PromptReplacement]:
        slot, per_tile = self.info.processor.image_token_id, self.info.processor.num_tokens_per_tile

        def slots(index: int) -> list[int]:
            return [slot] * (int(out_mm_kwargs["image"][index]["num_tiles"].data) * per_tile)

        return [PromptReplacement(modality="image", target=[slot], replacement=slots)]

    def apply(self, inputs: Any, timing_ctx: Any) -> Any:
        """As in vLLM, where each image has one slot in the prompt and each slot an image.

        Raises:
            AdotxError: ``processor.images`` with both numbers where not: vLLM would fill the first slots.
        """
        images = inputs.mm_data_items.get_count("image", strict=False)
        check_slots(inputs.prompt, self.info.processor.image_token_id, images)
        return super().apply(inputs, timing_ctx)

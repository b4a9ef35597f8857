"""A.X 4.0 VL as a native transformers model: ids and tiles in, logits, loss or generated ids out.

In: `input_ids` [batch, length] in which each tile of an image holds `tokens_per_tile` ids `image_token_index`
and `pixel_values` [tiles of the whole batch, 3, size, size] in the same order.
Out: `AX4VLCausalLMOutputWithPast`.
Does not know text, tokenizers, image files or tile plans.

Parameters carry the published names (`vision_tower.vision_model.*`, `multi_modal_projector.*`,
`language_model.model.*`, `language_model.lm_head.weight`), so files are read and written without renaming.
The KV cache is on after loading, although the published generation_config.json says `use_cache: false`; turn
it off with `generate(use_cache=False)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import Cache, GenerationMixin, PreTrainedModel, Qwen2ForCausalLM
from transformers.utils import ModelOutput

from adotx.errors import AdotxError
from adotx.hf.configuration import AX4VLConfig
from adotx.hf.projector import LDPNetV2Projector
from adotx.hf.vision_tower import AX4VLVisionTower


@dataclass
class AX4VLCausalLMOutputWithPast(ModelOutput):
    """What `AX4VLForConditionalGeneration` returns.

    Attributes:
        loss: scalar, when labels were given.
        logits: [batch, positions with logits, vocab_size]; None with `loss_only`.
        past_key_values: the KV cache, when used.
        hidden_states, attentions: of the language model, when asked for.
        image_hidden_states: [tiles, tokens_per_tile, hidden_size], when tiles were given.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    past_key_values: Cache | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None
    image_hidden_states: torch.Tensor | None = None


class AX4VLPreTrainedModel(PreTrainedModel):
    """What transformers has to know of the model: parts, abilities, initialisation."""

    config_class = AX4VLConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    input_modalities = ("image", "text")  # type: ignore[assignment]
    supports_gradient_checkpointing = True
    _no_split_modules = ["AX4VLVisionLayer", "Qwen2DecoderLayer"]  # noqa: RUF012
    _skip_keys_device_placement = ["past_key_values"]  # noqa: RUF012
    _supports_flash_attn = True
    _supports_sdpa = True
    _supports_flex_attn = True
    _supports_attention_backend = True


class AX4VLForConditionalGeneration(AX4VLPreTrainedModel, GenerationMixin):
    """Vision tower, projector and Qwen2 decoder, fused at the image slots."""

    def __init__(self, config: AX4VLConfig) -> None:
        super().__init__(config)
        projector = config.projector_config
        self.vision_tower = AX4VLVisionTower(config.vision_config)
        self.multi_modal_projector = LDPNetV2Projector(
            projector.in_hidden_size, projector.out_hidden_size, projector.grid_size
        )
        self.language_model = Qwen2ForCausalLM(config.text_config)
        self.post_init()

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        """As in transformers, with the KV cache on (the published generation config turns it off)."""
        loaded = super().from_pretrained(*args, **kwargs)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        model.generation_config.use_cache = True
        return loaded

    def get_input_embeddings(self) -> nn.Module:
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.language_model.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        return self.language_model.get_output_embeddings()

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.language_model.set_output_embeddings(new_embeddings)

    def get_decoder(self) -> nn.Module:
        return self.language_model.model

    def get_image_features(self, pixel_values: torch.Tensor, **_: Any) -> torch.Tensor:
        """Image tokens of whole tiles.

        Args:
            pixel_values: [tiles, 3, size, size].

        Returns:
            [tiles, tokens_per_tile, hidden_size of the language model].
        """
        features = self.vision_tower(pixel_values, self.config.vision_feature_layer)
        return self.multi_modal_projector(features)

    def fuse(
        self, input_ids: torch.Tensor, inputs_embeds: torch.Tensor, features: torch.Tensor
    ) -> torch.Tensor:
        """Put image tokens into their slots.

        Args:
            input_ids: [batch, length].
            inputs_embeds: [batch, length, hidden_size].
            features: [tiles, tokens_per_tile, hidden_size], in the order of the slots.

        Returns:
            `inputs_embeds` with every slot overwritten; the input tensor is left alone.

        Raises:
            AdotxError: ``fusion.count`` when slots and features do not match, with both numbers.
        """
        slots = input_ids == self.config.image_token_index
        tiles, per_tile = features.shape[:2]
        in_rows = slots.sum(dim=1).tolist()
        broken = [f"row {row} has {count}" for row, count in enumerate(in_rows) if count % per_tile]
        if sum(in_rows) != tiles * per_tile or broken:
            detail = f"{tiles} tiles of {per_tile}"
            if broken:
                detail += f"; no multiple of {per_tile}: {', '.join(broken)}"
            raise AdotxError(
                "fusion.count",
                "{slots} image slots in input_ids but {features} image features ({detail})",
                "input_ids and pixel_values",
                "build both with AX4VLProcessor",
                slots=sum(in_rows),
                features=tiles * per_tile,
                detail=detail,
            )
        features = features.to(inputs_embeds.device, inputs_embeds.dtype)
        return inputs_embeds.masked_scatter(slots.unsqueeze(-1), features)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        pixel_values: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        image_sizes: torch.Tensor | None = None,
        loss_only: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
        **kwargs: Any,
    ) -> AX4VLCausalLMOutputWithPast | tuple:
        """One pass.

        Args:
            input_ids: [batch, length] int64.
            pixel_values: [tiles, 3, size, size]; given once, at the first pass over its slots.
            attention_mask: [batch, length so far], 0 for padding.
            labels: [batch, length]; -100 and padding are not counted. Shifted here.
            use_cache: default: as the config says, never in training mode.
            logits_to_keep: how many last positions get logits (0: all), or which.
            image_sizes: what the processor hands over with the tiles; not used.
            loss_only: return no logits, and multiply only labelled positions with the output matrix (most of
                a page's positions are image slots, which have no label).
            num_items_in_batch: labelled positions over all accumulated batches, given by `Trainer`.

        Raises:
            AdotxError: ``fusion.count`` when image slots and tiles do not match, also when one is absent.
        """
        return_dict = kwargs.pop("return_dict", None)
        if (input_ids is None) == (inputs_embeds is None):
            raise AdotxError("model.input", "give exactly one of input_ids and inputs_embeds", "forward")
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
        features = None
        if pixel_values is not None:
            if input_ids is None:
                raise AdotxError("model.input", "pixel_values need input_ids to find their slots", "forward")
            features = self.get_image_features(pixel_values)
            inputs_embeds = self.fuse(input_ids, inputs_embeds, features)
        elif input_ids is not None and _starts(past_key_values):
            self._refuse_empty_slots(input_ids)
        if use_cache is None:
            use_cache = self.config.text_config.use_cache and not self.training
        outputs = self.language_model.model(
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            use_cache=use_cache,
            return_dict=True,
            **kwargs,
        )
        hidden = outputs.last_hidden_state
        if labels is not None and attention_mask is not None and attention_mask.shape == labels.shape:
            labels = labels.masked_fill(attention_mask == 0, -100)
        loss = logits = None
        if loss_only:
            loss = self._labelled_loss(hidden, labels, num_items_in_batch)
        else:
            positions = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
            logits = self.language_model.lm_head(hidden[:, positions, :])
            if labels is not None:
                loss = self.loss_function(
                    logits=logits,
                    labels=labels,
                    vocab_size=self.config.text_config.vocab_size,
                    num_items_in_batch=num_items_in_batch,
                )
        output = AX4VLCausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
            image_hidden_states=features,
        )
        return output.to_tuple() if return_dict is False else output

    def _refuse_empty_slots(self, input_ids: torch.Tensor) -> None:
        slots = int((input_ids == self.config.image_token_index).sum())
        if slots:  # without its tiles a slot would be embedded as an ordinary token
            what = "{slots} image slots in input_ids but {features} image features (no pixel_values)"
            remedy = "pass the images along"
            raise AdotxError("fusion.count", what, "input_ids", remedy, slots=slots, features=0)

    def _labelled_loss(
        self, hidden: torch.Tensor, labels: torch.Tensor | None, num_items_in_batch: torch.Tensor | int | None
    ) -> torch.Tensor:
        if labels is None:
            raise AdotxError("model.input", "loss_only needs labels", "forward")
        targets = labels[:, 1:]
        labelled = targets != -100
        logits = self.language_model.lm_head(hidden[:, :-1][labelled])
        if not len(logits):
            return hidden.sum() * 0.0  # keeps the graph; a mean over nothing would be NaN
        return self.loss_function(
            logits=logits,
            labels=None,
            vocab_size=self.config.text_config.vocab_size,
            num_items_in_batch=num_items_in_batch,
            shift_labels=targets[labelled],
        )

    def _expand_inputs_for_generation(  # type: ignore[override]
        self,
        expand_size: int = 1,
        is_encoder_decoder: bool = False,
        input_ids: torch.Tensor | None = None,
        **model_kwargs: Any,
    ) -> tuple[torch.Tensor | None, dict[str, Any]]:
        """Repeat a batch for beams or several answers; tiles are repeated row by row, not tile by tile."""
        pixel_values = model_kwargs.pop("pixel_values", None)
        model_kwargs.pop("image_sizes", None)
        if pixel_values is not None and expand_size > 1 and input_ids is not None:
            slots = (input_ids == self.config.image_token_index).sum(dim=1)
            tiles = (slots // self.config.tokens_per_tile).tolist()
            if sum(tiles) == len(pixel_values):  # a mismatch is reported by fuse, with its numbers
                rows = [row for row in pixel_values.split(tiles) for _ in range(expand_size)]
                pixel_values = torch.cat(rows)
        expand: Any = super()._expand_inputs_for_generation  # type: ignore[misc]
        input_ids, model_kwargs = expand(
            expand_size=expand_size,
            is_encoder_decoder=is_encoder_decoder,
            input_ids=input_ids,
            **model_kwargs,
        )
        if pixel_values is not None:
            model_kwargs["pixel_values"] = pixel_values
        return input_ids, model_kwargs


def _starts(past_key_values: Cache | None) -> bool:
    return past_key_values is None or past_key_values.get_seq_length() == 0

"""A.X 4.0 VL below its output matrix: ids and tiles in, hidden states out, as a transformers base model.

In: `input_ids` (or `inputs_embeds`) with a slot for each image token, and `pixel_values` [tiles, 3, size,
size] or `mm_encoder_outputs` in the order of the slots.
Out: `AX4VLModelOutputWithPast`.
Does not know losses, generation, text or image files.

It comes two ways. `AutoModel.from_pretrained` makes one of its own, without an output matrix. Below an
`AX4VLForConditionalGeneration` it is a second look at the same modules (`AX4VLModel.below`), not a child of
it: a child would put `model.` before every parameter, and the names in memory, in adapters and in files would
no longer be the published ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import Cache, PreTrainedModel, Qwen2Model, Qwen2PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPast, BaseModelOutputWithPooling

from adotx.errors import AdotxError
from adotx.hf import fusion
from adotx.hf.configuration import AX4VLConfig
from adotx.hf.projector import LDPNetV2Projector
from adotx.hf.versions import CACHE
from adotx.hf.vision_tower import AX4VLVisionTower


@dataclass
class AX4VLModelOutputWithPast(BaseModelOutputWithPast):
    """What `AX4VLModel` returns.

    Attributes:
        last_hidden_state: [batch, length, hidden_size], after the last norm.
        past_key_values: the KV cache, when used; since transformers 5.24 it is called `cache`.
        hidden_states, attentions: of the language model, when asked for.
        image_hidden_states: [tiles, tokens_per_tile, hidden_size], when images were given.
    """

    image_hidden_states: torch.Tensor | None = None


class ImageTokens(torch.Tensor):
    """Image tokens [tiles, tokens_per_tile, hidden_size] that also answer to the name transformers 5 uses."""

    # whatever is computed from it is a plain tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @property
    def pooler_output(self) -> torch.Tensor:
        """The plain tensor."""
        return self.as_subclass(torch.Tensor)


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
    _can_compile_fullgraph = True

    vision_tower: AX4VLVisionTower
    multi_modal_projector: LDPNetV2Projector
    language_model: Any

    def _make_eye(self, config: AX4VLConfig) -> None:
        projector = config.projector_config
        self.vision_tower = AX4VLVisionTower(config.vision_config)
        self.multi_modal_projector = LDPNetV2Projector(
            projector.in_hidden_size, projector.out_hidden_size, projector.grid_size
        )

    def get_input_embeddings(self) -> nn.Module:
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.language_model.set_input_embeddings(value)

    def get_decoder(self) -> nn.Module:
        return self.language_model.model

    def set_decoder(self, decoder: nn.Module) -> None:
        self.language_model.model = decoder


class AX4VLTextModel(Qwen2PreTrainedModel):
    """A Qwen2 decoder under the level `language_model.model` of the published names, no output matrix."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.model = Qwen2Model(config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.model.set_input_embeddings(value)

    def forward(self, **inputs: Any) -> Any:
        """As `Qwen2Model.forward`."""
        return self.model(**inputs)


class AX4VLModel(AX4VLPreTrainedModel):
    """Vision tower, projector and Qwen2 decoder, fused at the image slots."""

    _keys_to_ignore_on_load_unexpected = [r"language_model\.lm_head\."]  # noqa: RUF012

    def __init__(self, config: AX4VLConfig) -> None:
        super().__init__(config)
        self._make_eye(config)
        self.language_model = AX4VLTextModel(config.text_config)
        self.post_init()

    @classmethod
    def below(cls, model: AX4VLPreTrainedModel) -> AX4VLModel:
        """The base of a model with an output matrix: its modules themselves, also those put in later."""
        base = cls.__new__(cls)
        PreTrainedModel.__init__(base, model.config)
        base._modules = model._modules
        base.all_tied_weights_keys = model.all_tied_weights_keys
        return base

    def get_image_features(
        self,
        pixel_values: torch.Tensor | None,
        return_dict: bool | None = None,
        image_sizes: Any = None,
        num_tiles: Any = None,
        **_: Any,
    ) -> Any:
        """Image tokens of whole tiles.

        Args:
            pixel_values: [tiles, 3, size, size]; None, which `generate` may hand over, gives None.
            return_dict: True gives transformers 5's output, False its tuple, None the tokens alone.
            image_sizes, num_tiles: what a processor hands over with the tiles; not used.

        Returns:
            Image tokens [tiles, tokens_per_tile, hidden_size of the language model], which also have
            themselves as `pooler_output`; or with `return_dict` a `BaseModelOutputWithPooling` of them
            (`pooler_output`) and of the tower's features [tiles, patches, width] (`last_hidden_state`).
        """
        if pixel_values is None:
            return None
        features = self.vision_tower(pixel_values, self.config.vision_feature_layer)
        tokens = self.multi_modal_projector(features)
        if return_dict is None:
            return tokens.as_subclass(ImageTokens)
        output = BaseModelOutputWithPooling(last_hidden_state=features, pooler_output=tokens)
        return output if return_dict else output.to_tuple()

    def fuse(
        self, input_ids: torch.Tensor | None, inputs_embeds: torch.Tensor, features: torch.Tensor
    ) -> torch.Tensor:
        """Put image tokens into their slots.

        Args:
            input_ids: [batch, length]; None finds the slots by their embedding.
            inputs_embeds: [batch, length, hidden_size].
            features: [tiles, tokens_per_tile, hidden_size], in the order of the slots.

        Returns:
            `inputs_embeds` with every slot overwritten; the input tensor is left alone.

        Raises:
            AdotxError: ``fusion.count`` when slots and features do not match, with both numbers.
        """
        slots = self._slots(input_ids, inputs_embeds)
        return fusion.put_into_slots(slots, inputs_embeds, features, features.shape[1])

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        pixel_values: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        use_cache: bool | None = None,
        image_sizes: Any = None,
        num_tiles: Any = None,
        mm_encoder_outputs: dict[str, Any] | None = None,
        cache: Cache | None = None,
        **kwargs: Any,
    ) -> AX4VLModelOutputWithPast | tuple:
        """One pass; the arguments are those of `AX4VLForConditionalGeneration.forward`.

        Raises:
            AdotxError: ``fusion.count`` when image slots and tiles do not match, also when one is absent;
                ``model.input`` for contradicting arguments.
        """
        return_dict = kwargs.pop("return_dict", None)
        images = (mm_encoder_outputs or {}).get("image")
        past = cache if past_key_values is None else past_key_values
        if (input_ids is None) == (inputs_embeds is None):
            raise AdotxError("model.input", "give exactly one of input_ids and inputs_embeds", "forward")
        if pixel_values is not None and images is not None:
            what = "give either pixel_values or the images of mm_encoder_outputs"
            raise AdotxError("model.input", what, "forward")
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
        assert inputs_embeds is not None
        features = None
        if pixel_values is not None:
            features = self.get_image_features(pixel_values, return_dict=True).pooler_output
            inputs_embeds = self.fuse(input_ids, inputs_embeds, features)
        elif images is not None:
            features = fusion.encoded(images)
            slots = self._slots(input_ids, inputs_embeds)
            inputs_embeds = fusion.put_into_slots(slots, inputs_embeds, features, None)
        else:
            self._refuse_empty_slots(input_ids, inputs_embeds, past)
        if use_cache is None:
            use_cache = self.config.text_config.use_cache and not self.language_model.training
        outputs = self.language_model.model(
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            use_cache=use_cache,
            return_dict=True,
            **{CACHE: past},
            **kwargs,
        )
        output = AX4VLModelOutputWithPast(
            last_hidden_state=outputs.last_hidden_state,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
            image_hidden_states=features,
            **{CACHE: getattr(outputs, CACHE)},
        )
        return output.to_tuple() if return_dict is False else output

    def _slots(self, input_ids: torch.Tensor | None, inputs_embeds: torch.Tensor) -> torch.Tensor:
        slot = self.config.image_token_index
        return fusion.slot_mask(input_ids, inputs_embeds, self.get_input_embeddings(), slot)

    def _refuse_empty_slots(
        self, input_ids: torch.Tensor | None, inputs_embeds: torch.Tensor, past_key_values: Cache | None
    ) -> None:
        """Without its tiles a slot would be embedded as an ordinary token."""
        if not fusion.counts_are_known(inputs_embeds):
            return
        # On a filled cache a few slots may be a draft of generation; a whole tile of them is a lost image.
        starts = past_key_values is None or past_key_values.get_seq_length() == 0
        room = 1 if starts else self.config.tokens_per_tile
        if inputs_embeds.shape[1] >= room:
            fusion.refuse_empty_slots(self._slots(input_ids, inputs_embeds), room)

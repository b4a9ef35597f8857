"""A.X 4.0 VL on vLLM's layers: SigLIP tower and Qwen2 decoder of vLLM, projector of `adotx.hf`.

In: ids and tiles as `adotx.vllm.images` makes them; tensors under their published names.
Out: hidden states and logits. Does not know text, image files or tile plans.

The decoder may be quantised by whatever vLLM can; tower and projector are computed as they are in the files.
Tensor parallel splits tower and decoder by heads; ``--mm-encoder-tp-mode data`` gives each process whole
tiles instead. Adapters may lie on decoder, tower and projector.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn
from vllm.model_executor.layers.linear import ReplicatedLinear
from vllm.model_executor.models.interfaces import SupportsLoRA, SupportsMultiModal, SupportsPP
from vllm.model_executor.models.module_mapping import MultiModelKeys
from vllm.model_executor.models.siglip import SiglipVisionModel
from vllm.model_executor.models.utils import (
    AutoWeightsLoader,
    init_vllm_registered_model,
    maybe_prefix,
)
from vllm.model_executor.models.vision import run_dp_sharded_vision_model
from vllm.multimodal import MULTIMODAL_REGISTRY

from adotx.errors import AdotxError
from adotx.hf.configuration import AX4VLConfig
from adotx.hf.projector import LDPNetV2Projector
from adotx.vllm.images import IMAGE_TOKEN, AX4VLDummyInputs, AX4VLMultiModalProcessor, AX4VLProcessingInfo

_EYE = ("vision_tower.", "multi_modal_projector.")
_PARTS = (*_EYE, "language_model.")
_PLAIN = (".weight", ".bias")


@MULTIMODAL_REGISTRY.register_processor(
    AX4VLMultiModalProcessor, info=AX4VLProcessingInfo, dummy_inputs=AX4VLDummyInputs
)
class AX4VLForConditionalGeneration(nn.Module, SupportsMultiModal, SupportsLoRA, SupportsPP):
    """Vision tower, projector and decoder, fused by vLLM at the image slots."""

    supports_encoder_tp_data = True
    supports_tower_connector_lora = True
    fall_back_to_pt_during_load = False
    packed_modules_mapping = {  # noqa: RUF012
        "qkv_proj": ["q_proj", "k_proj", "v_proj"],
        "gate_up_proj": ["gate_proj", "up_proj"],
    }

    @staticmethod
    def is_unused_checkpoint_weight(name: str) -> bool:
        """Whether a tensor is none of the model's: nano's folder holds timestep heads too."""
        return not name.startswith(_PARTS)

    @classmethod
    def get_placeholder_str(cls, modality: str, i: int) -> str | None:
        """What stands for an image where a chat template takes text alone."""
        return IMAGE_TOKEN if modality.startswith("image") else None

    def __init__(self, *, vllm_config: Any, prefix: str = "") -> None:
        super().__init__()
        model_config = vllm_config.model_config
        self.config: AX4VLConfig = model_config.hf_config
        self.whole_tower = model_config.multimodal_config.mm_encoder_tp_mode == "data"
        marking: Any = self  # as torch types it, an attribute that it does not know may be a tensor
        with marking._mark_tower_model(vllm_config, "image"):
            self.vision_tower = _tower(self.config, maybe_prefix(prefix, "vision_tower"))
            self.multi_modal_projector = _projector(
                self.config, maybe_prefix(prefix, "multi_modal_projector")
            )
        with marking._mark_language_model(vllm_config):
            self.language_model = init_vllm_registered_model(
                vllm_config=vllm_config,
                hf_config=self.config.text_config,
                prefix=maybe_prefix(prefix, "language_model"),
                architectures=["Qwen2ForCausalLM"],
            )
        self.make_empty_intermediate_tensors = self.language_model.make_empty_intermediate_tensors

    def embed_multimodal(self, **kwargs: Any) -> list[torch.Tensor]:
        """Image tokens: for each image [its tiles * tokens_per_tile, hidden_size], in the given order.

        Args:
            **kwargs: `pixel_values` [tiles of all images, 3, size, size] and `num_tiles` [images].
        """
        pixels = kwargs.get("pixel_values")
        if pixels is None:
            return []
        if self.whole_tower:
            features = run_dp_sharded_vision_model(pixels, self.vision_tower)
        else:
            features = self.vision_tower(pixels)
        tokens = self.multi_modal_projector(features)
        return [part.flatten(0, 1) for part in tokens.split(kwargs["num_tiles"].flatten().tolist())]

    def forward(
        self,
        input_ids: torch.Tensor | None,
        positions: torch.Tensor,
        intermediate_tensors: Any = None,
        inputs_embeds: torch.Tensor | None = None,
        **_: Any,
    ) -> Any:
        """One step over flattened positions; embeddings come ready where there are images."""
        if intermediate_tensors is not None:
            inputs_embeds = None
        return self.language_model.model(
            input_ids, positions, intermediate_tensors, inputs_embeds=inputs_embeds
        )

    def compute_logits(self, hidden_states: torch.Tensor) -> torch.Tensor | None:
        """[positions, hidden_size] -> [positions, vocab_size]."""
        return self.language_model.compute_logits(hidden_states)

    def load_weights(self, weights: Iterable[tuple[str, torch.Tensor]]) -> set[str]:
        """Load tensors by their published names; returns the names of what was filled.

        Raises:
            AdotxError: ``vllm.quantised`` for a tower or projector in fewer bits.
        """
        return AutoWeightsLoader(self).load_weights(self._with_a_plain_eye(weights))

    def _with_a_plain_eye(
        self, weights: Iterable[tuple[str, torch.Tensor]]
    ) -> Iterator[tuple[str, torch.Tensor]]:
        """The same tensors, as long as those of tower and projector are numbers as they are computed with."""
        for name, tensor in weights:
            if name.startswith(_EYE) and not (name.endswith(_PLAIN) and tensor.is_floating_point()):
                raise AdotxError(
                    "vllm.quantised",
                    "{name}: a quantised vision tower or projector is not read",
                    "checkpoint",
                    "leave vision_tower and multi_modal_projector out of quantisation",
                    name=name,
                )
            yield name, tensor

    def get_mm_mapping(self) -> MultiModelKeys:
        """Which part is what, for adapters."""
        return MultiModelKeys.from_string_field(
            language_model="language_model", connector="multi_modal_projector", tower_model="vision_tower"
        )

    def get_mm_lora_token_counts(
        self, *, modality: str, mm_kwargs: Any, num_mm_embeds: int
    ) -> tuple[int, int]:
        """Rows that the linear layers of tower and projector see for so many image tokens."""
        vision = self.config.vision_config
        rows = num_mm_embeds // self.config.tokens_per_tile * (vision.image_size // vision.patch_size) ** 2
        return rows, rows


def _tower(config: AX4VLConfig, prefix: str) -> SiglipVisionModel:
    """vLLM's SigLIP up to the layer whose output is wanted; see `AX4VLConfig.vision_feature_layer`."""
    layer, depth = config.vision_feature_layer, config.vision_config.num_hidden_layers
    stop = depth if layer == 0 else range(depth + 1)[layer]
    return SiglipVisionModel(
        config.vision_config,
        num_hidden_layers_override=stop,
        require_post_norm=layer == 0,
        use_head=False,
        prefix=prefix,
    )


def _projector(config: AX4VLConfig, prefix: str) -> LDPNetV2Projector:
    """The projector with linear layers of vLLM's kind, on which it can lay adapters."""
    shape = config.projector_config
    projector = LDPNetV2Projector(shape.in_hidden_size, shape.out_hidden_size, shape.grid_size)
    layers = projector.mlp.mlp
    for index, layer in enumerate(layers):
        if isinstance(layer, nn.Linear):
            layers[index] = ReplicatedLinear(
                layer.in_features,
                layer.out_features,
                return_bias=False,
                prefix=maybe_prefix(prefix, f"mlp.mlp.{index}"),
            )
    return projector

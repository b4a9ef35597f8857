"""A.X 4.0 VL as a native transformers model: ids and tiles in, logits, loss or generated ids out.

In: `input_ids` [batch, length] in which each tile of an image holds `tokens_per_tile` ids `image_token_index`
and `pixel_values` [tiles of the whole batch, 3, size, size] in the same order; what else `AX4VLModel` takes.
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
from transformers import Cache, GenerationMixin, Qwen2ForCausalLM
from transformers.modeling_outputs import BaseModelOutputWithPooling, CausalLMOutputWithPast

from adotx.errors import AdotxError
from adotx.hf.base_model import AX4VLModel, AX4VLPreTrainedModel
from adotx.hf.configuration import AX4VLConfig
from adotx.hf.fusion import check_counts, encoded, slot_mask
from adotx.hf.versions import CACHE

#: a label that no loss counts
IGNORED = -100


@dataclass
class AX4VLCausalLMOutputWithPast(CausalLMOutputWithPast):
    """What `AX4VLForConditionalGeneration` returns.

    Attributes:
        loss: scalar, when labels were given.
        logits: [batch, positions with logits, vocab_size]; None with `loss_only`.
        past_key_values: the KV cache, when used; since transformers 5.24 it is called `cache`.
        hidden_states, attentions: of the language model, when asked for.
        image_hidden_states: [tiles, tokens_per_tile, hidden_size], when tiles were given.
    """

    image_hidden_states: torch.Tensor | None = None


class AX4VLForConditionalGeneration(AX4VLPreTrainedModel, GenerationMixin):
    """`AX4VLModel` with an output matrix: losses and generation."""

    model: AX4VLModel

    def __init__(self, config: AX4VLConfig) -> None:
        super().__init__(config)
        self._make_eye(config)
        self.language_model = Qwen2ForCausalLM(config.text_config)
        self.post_init()
        self.__dict__["model"] = AX4VLModel.below(self)  # not a child: it has the children of this one
        self.register_forward_pre_hook(_without_slots, with_kwargs=True)

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        """As in transformers, with the KV cache on (the published generation config turns it off)."""
        loaded = super().from_pretrained(*args, **kwargs)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        model.generation_config.use_cache = True
        return loaded

    def _replicate_for_data_parallel(self) -> AX4VLForConditionalGeneration:
        replica: Any = super()._replicate_for_data_parallel()  # type: ignore[no-untyped-call]
        replica.__dict__["model"] = AX4VLModel.below(replica)
        return replica

    def get_output_embeddings(self) -> nn.Module:
        return self.language_model.get_output_embeddings()

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.language_model.set_output_embeddings(new_embeddings)

    def get_image_features(
        self, pixel_values: torch.Tensor | None, return_dict: bool | None = None, **kwargs: Any
    ) -> Any:
        """See `AX4VLModel.get_image_features`."""
        return self.model.get_image_features(pixel_values, return_dict, **kwargs)

    def fuse(
        self, input_ids: torch.Tensor | None, inputs_embeds: torch.Tensor, features: torch.Tensor
    ) -> torch.Tensor:
        """See `AX4VLModel.fuse`."""
        return self.model.fuse(input_ids, inputs_embeds, features)

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
        image_sizes: Any = None,
        num_tiles: Any = None,
        mm_encoder_outputs: dict[str, Any] | None = None,
        loss_only: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
        cache: Cache | None = None,
        **kwargs: Any,
    ) -> AX4VLCausalLMOutputWithPast | tuple:
        """One pass.

        Args:
            input_ids: [batch, length] int64.
            pixel_values: [tiles, 3, size, size]; given once, at the first pass over its slots.
            attention_mask: [batch, length so far], 0 for padding.
            inputs_embeds: [batch, length, hidden_size], instead of `input_ids`; slots are where the embedding
                is that of a slot.
            labels: [batch, length]; -100, padding and image slots are not counted. Shifted here.
            use_cache: default: as the config says, never in training mode.
            logits_to_keep: how many last positions get logits (0: all), or which.
            image_sizes, num_tiles: what the processor hands over with the tiles; not used.
            mm_encoder_outputs: {"image": image tokens in the order of the slots, or an output with them as
                `pooler_output`}, instead of `pixel_values`.
            loss_only: return no logits, and multiply only labelled positions with the output matrix (most of
                a page's positions are image slots, which have no label).
            num_items_in_batch: labelled positions over all accumulated batches, given by `Trainer`.
            cache: what transformers 5.24 and newer call `past_key_values`.
            **kwargs: for the language model; also `shift_labels` [batch, length], labels that are shifted
                already, used instead of `labels`.

        Raises:
            AdotxError: ``fusion.count`` when image slots and tiles do not match, also when one is absent;
                ``model.input`` for contradicting arguments.
        """
        return_dict = kwargs.pop("return_dict", None)
        # Not named above: a `Trainer` would expect every argument named like a label in each batch.
        shift_labels = kwargs.pop("shift_labels", None)
        outputs = self.model(
            input_ids=input_ids,
            pixel_values=pixel_values,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            mm_encoder_outputs=mm_encoder_outputs,
            cache=cache,
            **kwargs,
        )
        hidden = outputs.last_hidden_state
        if labels is not None and attention_mask is not None and attention_mask.shape == labels.shape:
            labels = labels.masked_fill(attention_mask == 0, IGNORED)
        loss = logits = None
        if loss_only:
            loss = self._labelled_loss(hidden, labels, shift_labels, num_items_in_batch)
        else:
            positions = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
            logits = self.language_model.lm_head(hidden[:, positions, :])
            if labels is not None or shift_labels is not None:
                loss = self.loss_function(
                    logits=logits,
                    labels=labels,
                    vocab_size=self.config.text_config.vocab_size,
                    num_items_in_batch=num_items_in_batch,
                    shift_labels=shift_labels,
                )
        output = AX4VLCausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
            image_hidden_states=outputs.image_hidden_states,
            **{CACHE: getattr(outputs, CACHE)},
        )
        return output.to_tuple() if return_dict is False else output

    def _labelled_loss(
        self,
        hidden: torch.Tensor,
        labels: torch.Tensor | None,
        shift_labels: torch.Tensor | None,
        num_items_in_batch: torch.Tensor | int | None,
    ) -> torch.Tensor:
        if shift_labels is None:
            if labels is None:
                raise AdotxError("model.input", "loss_only needs labels", "forward")
            hidden, shift_labels = hidden[:, :-1], labels[:, 1:]
        labelled = shift_labels != IGNORED
        logits = self.language_model.lm_head(hidden[labelled])
        if not len(logits):
            return hidden.sum() * 0.0  # keeps the graph; a mean over nothing would be NaN
        return self.loss_function(
            logits=logits,
            labels=None,
            vocab_size=self.config.text_config.vocab_size,
            num_items_in_batch=num_items_in_batch,
            shift_labels=shift_labels[labelled],
        )

    def prepare_inputs_for_generation(
        self,
        input_ids: torch.Tensor,
        *args: Any,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        cache: Cache | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """As in transformers, but images go along where nothing is cached yet, and only there.

        An assistant's first pass does not count as the first, and would see empty slots; transformers 5.16
        repeats encoded images at each step.
        """
        prepare: Any = super().prepare_inputs_for_generation  # type: ignore[misc]
        past = cache if past_key_values is None else past_key_values
        inputs = prepare(input_ids, *args, inputs_embeds=inputs_embeds, **{CACHE: past}, **kwargs)
        if past is not None and not kwargs.get("is_first_iteration"):
            starts = past.get_seq_length() == 0
            for name in ("pixel_values", "mm_encoder_outputs"):
                inputs.pop(name, None)
                if starts and kwargs.get(name) is not None:
                    inputs[name] = kwargs[name]
        return inputs

    def _expand_inputs_for_generation(  # type: ignore[override]
        self,
        expand_size: int = 1,
        is_encoder_decoder: bool = False,
        input_ids: torch.Tensor | None = None,
        **model_kwargs: Any,
    ) -> tuple[torch.Tensor | None, dict[str, Any]]:
        """Repeat a batch for beams or several answers; tiles are repeated row by row, not tile by tile."""
        for name in ("image_sizes", "num_tiles"):
            model_kwargs.pop(name, None)
        pixel_values = model_kwargs.pop("pixel_values", None)
        outputs = model_kwargs.pop("mm_encoder_outputs", None)
        images = (outputs or {}).get("image")
        tiles = pixel_values if images is None else self._by_tile(encoded(images))
        past = model_kwargs.get(CACHE)
        if tiles is not None and (past is None or past.get_seq_length() == 0):
            rows = self._tiles_of_rows(input_ids, model_kwargs.get("inputs_embeds"))
            # a mismatch is reported by fuse, with its numbers
            if expand_size > 1 and sum(rows) == len(tiles):
                tiles = torch.cat([row for row in tiles.split(rows) for _ in range(expand_size)])
        expand: Any = super()._expand_inputs_for_generation  # type: ignore[misc]
        input_ids, model_kwargs = expand(
            expand_size=expand_size,
            is_encoder_decoder=is_encoder_decoder,
            input_ids=input_ids,
            **model_kwargs,
        )
        if pixel_values is not None:
            model_kwargs["pixel_values"] = tiles
        if outputs is not None:
            if images is not None:
                outputs = {**outputs, "image": BaseModelOutputWithPooling(pooler_output=tiles)}
            model_kwargs["mm_encoder_outputs"] = outputs
        return input_ids, model_kwargs

    def _by_tile(self, tokens: torch.Tensor) -> torch.Tensor:
        return tokens.reshape(-1, self.config.tokens_per_tile, tokens.shape[-1])

    def _tiles_of_rows(self, input_ids: torch.Tensor | None, inputs_embeds: torch.Tensor | None) -> list[int]:
        if inputs_embeds is not None:
            slots = slot_mask(None, inputs_embeds, self.get_input_embeddings(), self.config.image_token_index)
        else:
            assert input_ids is not None
            slots = input_ids == self.config.image_token_index
        per_tile = self.config.tokens_per_tile
        check_counts(slots, None, per_tile)
        return [count // per_tile for count in slots.sum(dim=1).tolist()]


def _without_slots(
    model: AX4VLForConditionalGeneration, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Image slots are no labels, although trainers copy them from `input_ids`.

    Before the call and not in `forward`, since a trainer may put its own forward there (TRL's fused head).
    """
    slot = model.config.image_token_index
    found = {name: kwargs[name] for name in ("labels", "shift_labels") if kwargs.get(name) is not None}
    kept = {name: labels.masked_fill(labels == slot, IGNORED) for name, labels in found.items()}
    kwargs = {**kwargs, **kept}
    items = kwargs.get("num_items_in_batch")
    if found and items is not None:
        # The trainer counted the slots. Exact where a step has one batch; else each counts by its share.
        name = "shift_labels" if "shift_labels" in found else "labels"
        of_all, of_text = ((rows[name][:, name == "labels" :] != IGNORED).sum() for rows in (found, kept))
        kwargs["num_items_in_batch"] = items * of_text / of_all.clamp(min=1)
    return args, kwargs

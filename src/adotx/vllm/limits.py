"""What of vLLM's settings A.X 4.0 VL cannot do, told before anything is loaded; and what it needs.

In: vLLM's whole configuration. Out: nothing, or one sentence. Does not know tensors or images.
"""

from __future__ import annotations

from typing import Any

from vllm.model_executor.models.config import VerifyAndUpdateConfig

from adotx.errors import AdotxError

_LARGEST = 64  # more processes than any checkpoint of the family has heads


class AX4VLLimits(VerifyAndUpdateConfig):
    """vLLM's hook for one architecture."""

    @staticmethod
    def verify_and_update_config(vllm_config: Any) -> None:
        """Refuse a tensor parallel size that the heads do not allow; have adapters applied whole.

        Raises:
            AdotxError: ``vllm.tensor_parallel`` with what is in the way and the sizes that are possible.
        """
        config = vllm_config.model_config.hf_config
        size = vllm_config.parallel_config.tensor_parallel_size
        whole_tower = vllm_config.model_config.multimodal_config.mm_encoder_tp_mode == "data"
        if obstacle := in_the_way(config, size, whole_tower):
            possible = [n for n in range(1, _LARGEST + 1) if not in_the_way(config, n, whole_tower)]
            raise AdotxError(
                "vllm.tensor_parallel",
                "{obstacle} cannot be split over {size} processes",
                "--tensor-parallel-size",
                "use one of {possible}",
                obstacle=obstacle,
                size=size,
                possible=", ".join(map(str, possible)),
            )
        if vllm_config.lora_config is not None:
            # Without, vLLM drops an adapter's tower part without a word, and answers with half an adapter.
            vllm_config.lora_config.enable_tower_connector_lora = True


def in_the_way(config: Any, size: int, whole_tower: bool) -> str | None:
    """What cannot be split over `size` processes, as it is named in config.json; None where all can.

    Args:
        config: an `AX4VLConfig`.
        size: number of processes.
        whole_tower: each process keeps the whole tower (``--mm-encoder-tp-mode data``).
    """
    text, vision = config.text_config, config.vision_config
    keys = text.num_key_value_heads
    counts = {
        "text_config.num_attention_heads": text.num_attention_heads % size,
        # Fewer than processes are copied, a whole number of times.
        "text_config.num_key_value_heads": keys % size if keys >= size else size % keys,
        "text_config.intermediate_size": text.intermediate_size % size,
    }
    if not whole_tower:
        counts["vision_config.num_attention_heads"] = vision.num_attention_heads % size
        counts["vision_config.intermediate_size"] = vision.intermediate_size % size
    return next((name for name, rest in counts.items() if rest), None)

"""OpenVINO itself: imported quietly, one core, and the compile settings of each weight format.

In: a graph, formats of weights and cache, thread count, cache folder. Out: a compiled model. Knows no A.X
architecture. This is the only module that imports OpenVINO's top level; the others get it from `openvino()`.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from adotx.engine.weights.formats import GROUP, CacheFormat, WeightFormat
from adotx.machine import available_memory as available_memory  # who sizes an engine looks for it here
from adotx.machine import cpu_quota

if TYPE_CHECKING:
    import openvino as ov


@cache
def openvino() -> ModuleType:
    """The `openvino` module, imported without its converter tools.

    `import openvino` imports `openvino.tools.ovc`, which sends a usage event over the network the moment it
    is imported; OpenVINO treats the tools as optional, so making that one import fail keeps the process
    silent (and starts 0.2 s sooner). The tools can still be imported afterwards by whoever wants them.
    """
    tools = "openvino.tools.ovc"
    hide = "openvino" not in sys.modules and tools not in sys.modules
    if hide:
        sys.modules[tools] = None  # type: ignore[assignment]
    try:
        import openvino as ov
    finally:
        if hide:
            del sys.modules[tools]
    return ov


@cache
def core() -> ov.Core:
    """The process's one OpenVINO core."""
    return openvino().Core()


@cache
def has_bf16() -> bool:
    """Whether this CPU multiplies bf16 in hardware."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def compile_model(
    model: ov.Model,
    weights: WeightFormat,
    *,
    kv_cache: CacheFormat | None = None,
    group: int = GROUP,
    threads: int | None = None,
    cache_dir: str | Path | None = None,
) -> ov.CompiledModel:
    """Compile for the CPU, tuned for one step at a time.

    Args:
        model: the graph.
        weights: "f32" computes in float32, the others in bf16 where the CPU has it.
        kv_cache: how paged attention stores keys and values: "u8" with scales, "bf16" (float32 where the CPU
            has no bf16); None: "bf16", or float32 for f32 weights, which the plugin takes with no bf16.
        group: inputs that meet quantised weights are quantised too, to int8 in groups of this size.
        threads: CPU threads; None: as many as a control group's quota is worth, else OpenVINO takes one per
            core.
        cache_dir: folder where OpenVINO stores compiled models between runs; None: nothing is stored.
    """
    computed = "f32" if weights == "f32" or not has_bf16() else "bf16"
    properties: dict[str, str | int] = {
        "PERFORMANCE_HINT": "LATENCY",
        # Not bound to cores: what runs beside the engine (layout of the next page, a server) moves freely.
        "ENABLE_CPU_PINNING": False,
        "INFERENCE_PRECISION_HINT": computed,
        # Not u8, the plugin's own choice: what is read off a page stands in this cache.
        "KV_CACHE_PRECISION": "u8" if kv_cache == "u8" else computed,
    }
    if weights in ("int8", "int4"):
        # As long as the groups of int4 weights; also for int8 weights faster than the plugin's own 32.
        properties["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = group
    if threads := threads or cpu_quota():
        properties["INFERENCE_NUM_THREADS"] = threads
    if cache_dir:
        properties["CACHE_DIR"] = str(cache_dir)
    return core().compile_model(model, "CPU", properties)


class GraphInputs:
    """The memory of an inference request's inputs.

    It is the request's own, never a caller's array: with shared inputs OpenVINO was seen writing one
    request's data into another's.
    """

    def __init__(self, request: ov.InferRequest) -> None:
        self._request = request
        self._views: dict[str, np.ndarray] = {}

    def view(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """An input's memory in this shape, to be written whole: the graph may have worked in it."""
        view = self._views.get(name)
        if view is None or view.shape != shape:
            tensor = self._request.get_tensor(name)
            tensor.shape = list(shape)
            view = self._views[name] = tensor.data
        return view

    def give(self, port: ov.Output, tensor: ov.Tensor) -> None:
        """Put a tensor of the caller's in the place of an input; for caches, which stay from step to step."""
        self._request.set_tensor(port, tensor)

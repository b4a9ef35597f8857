"""A device that is not the CPU, for machines that have none: real numbers behind tensors that say "meta".

`OtherDevice` is a mode. Inside it, `tensor.to("meta")` and `device="meta"` make tensors of the other device;
every operation on them is computed, on the CPU behind the scenes, so losses, branches and answers are real.
As on an accelerator, an operation that is given tensors of both devices raises (numbers without dimensions
apart), and `waits` records each operation that reads the other device's numbers into the program, for which
an accelerator has to stop. "meta" is used because autograd and module conversion accept it without a driver.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

OTHER = torch.device("meta")
#: operations whose result, or its shape, depends on the numbers
_WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero"}


class OtherTensor(torch.Tensor):
    """Says that it lies on the other device; `inner` is the CPU tensor with its numbers."""

    inner: torch.Tensor
    waits: ClassVar[list[str]] = []

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> OtherTensor:
        made = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=OTHER,
        )
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})

    def tolist(self) -> Any:
        """torch has no `tolist` for subclasses."""
        self.waits.append("tolist")
        return self.inner.tolist()


class OtherDevice(TorchDispatchMode):
    """See the module's docstring."""

    waits = OtherTensor.waits

    def __enter__(self) -> OtherDevice:
        self.tensors = _Constructors()
        self.tensors.__enter__()
        return super().__enter__()

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        self.tensors.__exit__(*exception)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class _Constructors(TorchFunctionMode):
    """`torch.tensor(..., device="meta")` would forget its numbers before a dispatch mode sees them."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        wanted = kwargs.get("device")
        if func in (torch.tensor, torch.as_tensor) and wanted is not None and torch.device(wanted) == OTHER:
            return func(*args, **kwargs | {"device": "cpu"}).to(OTHER)
        return func(*args, **kwargs)


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    given = [t for t in tree_flatten((args, kwargs))[0] if isinstance(t, torch.Tensor)]
    others = [t for t in given if isinstance(t, OtherTensor)]
    name = func.overloadpacket.__name__
    wanted = kwargs.get("device")
    wanted = torch.device(wanted) if wanted is not None else None
    copies = name in ("_to_copy", "copy_")
    if others and not copies:
        strangers = [t for t in given if not isinstance(t, OtherTensor) and t.ndim]
        if strangers:
            raise RuntimeError(f"{name}: tensors of two devices, {[list(t.shape) for t in given]}")
    to_cpu = name == "_to_copy" and wanted is not None and wanted.type == "cpu"
    boolean_index = name.startswith("index") and any(
        t.dtype == torch.bool for t in tree_flatten(args[1])[0] if isinstance(t, torch.Tensor)
    )
    if others and (name in _WAITING or to_cpu or boolean_index):
        OtherTensor.waits.append(name)
    if wanted == OTHER:
        kwargs = kwargs | {"device": torch.device("cpu")}
    inner: dict[int, torch.Tensor] = {id(t.inner): t for t in others}
    out = func(*tree_map(_inner, args), **tree_map(_inner, kwargs))
    on_other = wanted == OTHER if wanted is not None else bool(others) and not to_cpu
    if name == "copy_":
        on_other = isinstance(args[0], OtherTensor)
    if not on_other:
        return out
    # What was written in place is the very tensor that was given.
    return tree_map(lambda t: _known(inner, t) if isinstance(t, torch.Tensor) else t, out)


def _inner(value: Any) -> Any:
    return value.inner if isinstance(value, OtherTensor) else value


def _known(inner: dict[int, torch.Tensor], tensor: torch.Tensor) -> torch.Tensor:
    known = inner.get(id(tensor))
    return OtherTensor(tensor) if known is None else known

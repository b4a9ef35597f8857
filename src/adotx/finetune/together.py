"""The processes that train together: who they are, what one tells the others, and what is said when one ends.

In: a `Recipe`, and what a launcher put into the environment. Knows no data and no models.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NoReturn

import torch.distributed as dist
from accelerate import PartialState
from accelerate.utils import DistributedType

from adotx.errors import AdotxError
from adotx.finetune.loading import on_accelerator
from adotx.finetune.recipe import Recipe

#: how long the others wait for the one that checks the data or writes the result
_PATIENCE = timedelta(hours=6)
#: words of gloo, whose errors have no class of their own
_LOST = ("gloo", "closed by peer", "reset by peer", "Broken pipe", "Timed out waiting")


class Together:
    """The processes of a run; made once, before anything else is asked of them.

    Args:
        recipe: its device; on CPUs, too, weights are shared out where FSDP is asked for.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.where = str(recipe.out)
        self.state = PartialState(cpu=not on_accelerator(recipe))
        if wants_fsdp() and self.state.distributed_type == DistributedType.MULTI_CPU:
            # accelerate 1.15 takes FSDP for accelerators only, by this name; torch shards over gloo as well.
            PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
        # Of its own, since the steps' timeout is minutes: it is how a dead machine is noticed.
        self._group = dist.new_group(backend="gloo", timeout=_PATIENCE) if self.count > 1 else None

    @property
    def count(self) -> int:
        return int(self.state.num_processes)

    @property
    def is_first(self) -> bool:
        return bool(self.state.is_main_process)

    def agreed(self, work: Callable[[], Any]) -> Any:
        """What the first process finds, in all of them; its error, too."""
        found: list[Any] = [None]
        if self.is_first:
            try:
                found = [work()]
            except AdotxError as error:
                found = [error]
        if self._group is not None:
            with self.unbroken():
                dist.broadcast_object_list(found, group=self._group)
        if isinstance(found[0], AdotxError):
            self.fail(found[0])
        return found[0]

    def fail(self, error: AdotxError) -> NoReturn:
        """End all of them with an error that all have; one says it."""
        if not self.is_first:
            raise SystemExit(1)
        raise error

    @contextmanager
    def unbroken(self) -> Iterator[None]:
        """AdotxError ``finetune.peer`` in place of what collectives raise when another process has ended."""
        try:
            yield
        except RuntimeError as error:
            if self.count == 1 or not _is_lost(error):
                raise
            what, remedy = "another process of the run ended", "it says why; the same command goes on"
            raise AdotxError("finetune.peer", what, self.where, remedy) from error


def launched() -> bool:
    """Whether a launcher (torchrun, accelerate) watches over this process and passes signals on to it."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def wants_fsdp() -> bool:
    """Whether weights are shared out."""
    return os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"


def _is_lost(error: RuntimeError) -> bool:
    return isinstance(error, dist.DistError) or any(word in str(error) for word in _LOST)

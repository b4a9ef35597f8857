"""Endless samples in, batches on the training device out, and how fast both sides are.

An accelerator trains faster than its processors make samples: with `reuse` an earlier batch is trained on
again instead of waiting. Knows nothing of what is in a sample.
"""

from __future__ import annotations

import multiprocessing
import queue
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset, default_collate

from adotx.train.interrupts import leave_to_parent
from adotx.train.recipe import Recipe

#: batches that a worker makes ahead: what is ready when a stage ends is lost
_AHEAD = 2
#: where workers leave tensors for this process, and more than any sample takes of it
_SHARED, _SAMPLE_BYTES = "/dev/shm", 2**19
#: made batches that lie ready, and those kept on the device to be used again
_READY, _KEPT = 8, 96


class Pace:
    """Samples made and trained a second, and the share of the time in which training waited for samples."""

    def __init__(self, batch_size: int, workers: int) -> None:
        self.batch_size, self.workers, self.told = batch_size, workers, False
        self.made = multiprocessing.Value("q", 0)  # by all workers
        self.busy = multiprocessing.Value("d", 0.0)  # seconds, all workers together
        self.trained, self.waited, self._since = 0, 0.0, time.perf_counter()

    def due(self, seconds: float) -> bool:
        """Once, when `seconds` have passed."""
        return not self.told and time.perf_counter() - self._since >= seconds

    def report(self) -> str:
        self.told = True
        took = max(time.perf_counter() - self._since, 1e-9)
        makers = max(1, self.workers)
        made = makers * self.made.value / max(self.busy.value, 1e-9)
        return (
            f"{makers} {'worker' if self.workers else 'process'}{'s' if makers > 1 else ''} can make "
            f"{made:.1f} samples/s, trained {self.trained / took:.1f} samples/s, "
            f"waited for samples {self.waited / took:.0%} of the time"
        )


class TimedSamples(IterableDataset):
    """The same samples; the time that making them takes goes to `pace`."""

    def __init__(self, samples: Any, pace: Pace) -> None:
        self.samples, self.pace = samples, pace

    def __iter__(self) -> Iterator[Any]:
        since = time.perf_counter()
        for sample in self.samples:
            with self.pace.made.get_lock():
                self.pace.made.value += 1
                self.pace.busy.value += time.perf_counter() - since
            yield sample
            since = time.perf_counter()


class _Plain:
    """A collate function whose batches are arrays: they travel by pipe, and need no shared memory."""

    def __init__(self, collate: Callable[[list], dict[str, torch.Tensor]] | None) -> None:
        self.collate = collate or default_collate

    def __call__(self, samples: list) -> dict[str, Any]:
        return {key: tensor.numpy() for key, tensor in self.collate(samples).items()}


def _is_short_of_shared_memory(batch_size: int, workers: int) -> bool:
    """Whether tensors of all workers may not fit: then a worker would be killed by a bus error."""
    try:
        free = shutil.disk_usage(_SHARED).free
    except OSError:
        return False
    return free < batch_size * workers * (_AHEAD + 1) * _SAMPLE_BYTES


def batches(
    samples: Any,
    recipe: Recipe,
    collate: Callable[[list], dict[str, torch.Tensor]] | None,
    device: torch.device,
    pace: Pace,
) -> Iterator[dict[str, torch.Tensor]]:
    """Batches of `recipe.batch_size`, made by `recipe.workers` processes (0: this one)."""
    if recipe.workers and _is_short_of_shared_memory(recipe.batch_size, recipe.workers):
        collate = _Plain(collate)
    loader = DataLoader(
        TimedSamples(samples, pace),
        recipe.batch_size,
        collate_fn=collate,
        num_workers=recipe.workers,
        prefetch_factor=_AHEAD if recipe.workers else None,
        pin_memory=device.type == "cuda",
        worker_init_fn=leave_to_parent,
    )
    made = iter(loader)  # forks the workers
    since = time.perf_counter()
    for batch in made if recipe.reuse <= 1 else _reused(made, recipe.reuse, random.Random(recipe.seed)):
        pace.waited += time.perf_counter() - since
        pace.trained += recipe.batch_size
        # A batch that is used again is on the device already.
        for key, t in batch.items():
            batch[key] = torch.as_tensor(t).to(device, non_blocking=True)
        yield dict(batch)
        since = time.perf_counter()


def _reused(made: Iterator[dict[str, Any]], reuse: int, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Each batch of `made` once as it comes and, while none is ready, earlier ones in any order."""
    ready: queue.Queue[Any] = queue.Queue(_READY)
    ended = threading.Event()

    def fetch() -> None:
        try:
            for batch in made:
                while not ended.is_set():
                    try:
                        ready.put(batch, timeout=0.1)
                        break
                    except queue.Full:
                        continue
                if ended.is_set():
                    return
            ready.put(None)
        except BaseException as error:  # of a worker: raised where the batch is taken
            ready.put(error)

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    kept: list[tuple[int, dict[str, Any]]] = []  # how often each was used
    try:
        while True:
            try:
                batch = ready.get(block=not kept)
            except queue.Empty:
                at = rng.randrange(len(kept))
                uses, again = kept[at]
                yield again
                kept[at] = (uses + 1, again)
                if uses + 1 >= reuse:
                    kept[at] = kept[-1]
                    kept.pop()
                continue
            if batch is None:
                return
            if isinstance(batch, BaseException):
                raise batch
            yield batch
            kept.append((1, batch))
            del kept[: max(0, len(kept) - _KEPT)]
    finally:
        ended.set()
        thread.join(timeout=5)

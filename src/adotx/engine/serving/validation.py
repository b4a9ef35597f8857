"""Requests checked against the model: all that can be wrong with one is said before anything is computed.

In: a `Request`. Out: a `Sequence` ready for the scheduler. Knows no cache and no other requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Sequence as Items

import numpy as np

from adotx.engine.model.backend import Backend
from adotx.engine.sampling.params import check_ids
from adotx.engine.serving.request import EncodedImage, Request
from adotx.engine.serving.sequence import Sequence
from adotx.errors import AdotxError


class Validator:
    """The checks of one engine.

    Args:
        backend: whose sizes count.
        speculate: most ids to guess at a time, for every request.
        clock: seconds, for deadlines.
    """

    def __init__(self, backend: Backend, speculate: int, clock: Callable[[], float]) -> None:
        self._backend, self._speculate, self._clock = backend, speculate, clock

    def sequence(
        self, request: Request, streamed: bool = True, notify: Callable[[], None] | None = None
    ) -> Sequence:
        """The request's state, checked; `streamed`, `notify`: see `Sequence`.

        Raises:
            AdotxError: what is wrong with it.
        """
        ids, context, vocabulary = request.ids, self._backend.context, self._backend.vocabulary
        if not len(ids):
            raise AdotxError("request.empty", "the prompt has no tokens", "request")
        if len(ids) >= context:
            raise AdotxError(
                "request.too_long",
                "the prompt has {tokens} tokens, the model's context of {context} must hold an answer too",
                "request",
                "shorten the text or use fewer or smaller images",
                tokens=len(ids),
                context=context,
            )
        outside = next((token for token in ids if not 0 <= token < vocabulary), None)
        if outside is not None:
            raise AdotxError(
                "request.id",
                "id {token} is outside the vocabulary of {vocabulary}",
                "request",
                token=outside,
                vocabulary=vocabulary,
            )
        if request.timeout is not None and not 0 < request.timeout < float("inf"):
            what = "{seconds} is not above 0 seconds"
            raise AdotxError("request.timeout", what, "request", seconds=request.timeout)
        sampling = request.sampling
        check_ids(sampling, vocabulary)
        positions = self._positions(request)
        stop_ids = frozenset(sampling.stop_ids)
        if not sampling.ignore_eos:
            stop_ids |= self._backend.eos_ids
        return Sequence(
            request,
            min(sampling.max_new_tokens, context - len(ids)),
            stop_ids,
            positions,
            self._backend.image.tokens_per_tile if self._backend.image else 1,
            self._speculate,
            None if request.timeout is None else self._clock() + request.timeout,
            streamed,
            notify,
        )

    def _positions(self, request: Request) -> np.ndarray:
        """Where image features go: the slots' positions, checked image by image against tiles and ids."""
        for pixels in request.images:
            if not isinstance(pixels, EncodedImage):
                self.check_pixels(pixels)
        image = self._backend.image
        tiles = [len(pixels) for pixels in request.images]
        # A text model has no image token: its id 22 is an ordinary one. So it is where "no slots" is said.
        no_slots = not tiles and request.slots is not None and len(request.slots) == 0
        image_id = None if image is None or no_slots else image.token_id
        positions = np.array([i for i, token in enumerate(request.ids) if token == image_id], np.int64)
        lengths = [] if image is None else [count * image.tokens_per_tile for count in tiles]
        slots = (
            _runs(positions, lengths)
            if request.slots is None
            else [(int(s), int(n)) for s, n in request.slots]
        )
        if [length for _, length in slots] != lengths:
            raise AdotxError(
                "request.images",
                "the prompt's images have {positions} positions, their tiles fill {filled}",
                "request",
                "give the tiles of exactly the images in the prompt, in order",
                positions=_listed(length for _, length in slots),
                filled=_listed(lengths),
            )
        filled = [position for start, length in slots for position in range(start, start + length)]
        if filled != positions.tolist():
            raise AdotxError(
                "request.slots",
                "slots of {slots} positions do not match {tokens} image token ids",
                "request",
                "render text and image slots with adotx.chat",
                slots=len(filled),
                tokens=len(positions),
            )
        return positions

    def check_pixels(self, pixels: np.ndarray) -> None:
        """Check the tiles of one image.

        Raises:
            AdotxError: they are not this model's.
        """
        image = self._backend.image
        if image is None:
            raise AdotxError(
                "request.no_vision", "this checkpoint reads text only", "pixels", "use a VL checkpoint"
            )
        if pixels.ndim != 4 or pixels.shape[1:] != image.tile_shape or pixels.dtype != np.float32:
            raise AdotxError(
                "request.pixels",
                "{dtype} {shape} instead of float32 [tiles, {expected}]",
                "pixels",
                "make them with adotx.vision.pixels",
                dtype=str(pixels.dtype),
                shape=list(pixels.shape),
                expected=", ".join(map(str, image.tile_shape)),
            )


def _runs(positions: np.ndarray, lengths: Items[int]) -> list[tuple[int, int]]:
    """(start, length) of each image where only ids tell: runs of neighbouring positions, and within a run the
    images that fill it one after another."""
    edges = np.flatnonzero(np.diff(positions) != 1) + 1
    slots: list[tuple[int, int]] = []
    unplaced = list(lengths)
    for run in np.split(positions, edges) if len(positions) else []:
        start, end = int(run[0]), int(run[-1]) + 1
        while unplaced and start + unplaced[0] < end:
            slots.append((start, unplaced[0]))
            start += unplaced.pop(0)
        slots.append((start, end - start))
        unplaced = unplaced[1:]
    return slots


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers)) or "0"

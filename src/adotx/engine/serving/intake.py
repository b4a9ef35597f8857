"""Requests checked against the model: all that can be wrong with one is said before anything is computed.

In: a `Request`. Out: a `Sequence` ready for the scheduler. Knows no cache and no other requests.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from adotx.engine.model.backend import Backend
from adotx.engine.sampling.sampler import check
from adotx.engine.serving.request import Request, Sequence
from adotx.errors import AdotxError


class Intake:
    """The checks of one engine.

    Args:
        backend: whose sizes count.
        speculate: most ids to guess at a time, for every request.
        clock: seconds, for deadlines.
    """

    def __init__(self, backend: Backend, speculate: int, clock: Callable[[], float]) -> None:
        self._backend, self._speculate, self._clock = backend, speculate, clock

    def sequence(
        self, request: Request, watched: bool = True, notify: Callable[[], None] | None = None
    ) -> Sequence:
        """A checked request; all that can be wrong with it is said here, before anything is computed."""
        ids, context, vocabulary = request.ids, self._backend.context, self._backend.vocabulary
        if not len(ids):
            raise AdotxError("request.empty", "the prompt has no tokens", "request")
        if len(ids) >= context:
            raise AdotxError(
                "request.too_long",
                f"the prompt has {len(ids)} tokens, the model's context of {context} must hold an answer too",
                "request",
                "shorten the text or use fewer or smaller images",
            )
        outside = next((token for token in ids if not 0 <= token < vocabulary), None)
        if outside is not None:
            raise AdotxError(
                "request.id", f"id {outside} is outside the vocabulary of {vocabulary}", "request"
            )
        if request.timeout is not None and not 0 < request.timeout < float("inf"):
            raise AdotxError("request.timeout", f"{request.timeout} is not above 0 seconds", "request")
        sampling = request.sampling
        check(sampling, vocabulary)
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
            watched,
            notify,
        )

    def _positions(self, request: Request) -> np.ndarray:
        """Where image features go: the slots' positions, checked against tiles and image token ids."""
        if request.pixels is not None:
            self.check_pixels(request.pixels)
        image = self._backend.image
        # A text model has no image token: its id 22 is an ordinary one. So it is where "no slots" is said.
        no_slots = request.pixels is None and request.slots is not None and len(request.slots) == 0
        image_id = None if image is None or no_slots else image.token_id
        positions = np.array([i for i, token in enumerate(request.ids) if token == image_id], np.int64)
        if request.slots is not None:
            slots = [position for start, length in request.slots for position in range(start, start + length)]
            if slots != positions.tolist():
                raise AdotxError(
                    "request.slots",
                    f"slots of {len(slots)} positions do not match {len(positions)} image token ids",
                    "request",
                    "render text and image slots with adotx.chat",
                )
        tiles = 0 if request.pixels is None else len(request.pixels)
        filled = 0 if image is None else tiles * image.tokens_per_tile
        if len(positions) != filled:
            raise AdotxError(
                "request.images",
                f"{len(positions)} image positions in the prompt, {filled} in its {tiles} tiles",
                "request",
                "give the pixels of exactly the images in the prompt",
            )
        return positions

    def check_pixels(self, pixels: np.ndarray) -> None:
        """
        Raises:
            AdotxError: not this model's tiles.
        """
        image = self._backend.image
        if image is None:
            raise AdotxError(
                "request.no_vision", "this checkpoint reads text only", "pixels", "use a VL checkpoint"
            )
        if pixels.ndim != 4 or pixels.shape[1:] != image.tile_shape or pixels.dtype != np.float32:
            want = ", ".join(map(str, image.tile_shape))
            raise AdotxError(
                "request.pixels",
                f"{pixels.dtype} {list(pixels.shape)} instead of float32 [tiles, {want}]",
                "pixels",
                "make them with adotx.vision.pixels",
            )

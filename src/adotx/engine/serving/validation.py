"""Requests checked against the model: all that can be wrong with one is said before anything is computed.

In: a `Request`. Out: a `Sequence` ready for the scheduler, which shares no memory with the caller's arrays:
what was checked and hashed is what is read. Knows no other requests.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable
from collections.abc import Sequence as Items
from dataclasses import replace
from operator import index
from typing import Any

import numpy as np

from adotx.engine.model.backend import Backend, ImageSpec
from adotx.engine.sampling.params import check_ids
from adotx.engine.serving.request import EncodedImage, Request
from adotx.engine.serving.sequence import Sequence
from adotx.errors import AdotxError

# Longer salts are data, not names of users.
LONGEST_SALT = 1024


class Validator:
    """The checks of one engine.

    Args:
        backend: whose sizes count.
        cache_room: positions that the whole cache holds.
        speculate: most ids to guess at a time, for every request.
        clock: seconds, for deadlines.
    """

    def __init__(self, backend: Backend, cache_room: int, speculate: int, clock: Callable[[], float]) -> None:
        self._backend, self._cache_room = backend, cache_room
        self._speculate, self._clock = speculate, clock

    def sequence(
        self, request: Request, streamed: bool = True, notify: Callable[[], None] | None = None
    ) -> Sequence:
        """The request's state, checked; `streamed`, `notify`: see `Sequence`.

        Raises:
            AdotxError: what is wrong with it, or that it can never fit the cache.
        """
        return self._checked(request, self._cache_room, streamed, notify)

    def prompt(self, request: Request) -> Sequence:
        """The same of a request that is scored and not continued.

        Raises:
            AdotxError: what is wrong with it.
        """
        return self._checked(request, self._backend.context, False, None)

    def _checked(
        self, request: Request, room: int, streamed: bool, notify: Callable[[], None] | None
    ) -> Sequence:
        ids = self._ids(request.ids)
        own = [self._own(image) for image in request.images]
        request = replace(request, ids=ids, images=own, slots=_slots(request.slots))
        _check_terms(request)
        check_ids(request.sampling, self._backend.vocabulary)
        positions = self._positions(request)
        limit = self._limit(request, room)
        stop_ids = frozenset(request.sampling.stop_ids)
        if not request.sampling.ignore_eos:
            stop_ids |= self._backend.eos_ids
        return Sequence(
            request,
            limit,
            stop_ids,
            positions,
            self._backend.image.tokens_per_tile if self._backend.image else 1,
            self._speculate,
            self._clock(),
            streamed,
            notify,
        )

    def _ids(self, given: Items[int]) -> list[int]:
        """The prompt's ids as Python integers."""
        vocabulary, context = self._backend.vocabulary, self._backend.context
        try:
            array = np.asarray(given)
        except (ValueError, OverflowError):  # nested lists of several lengths; integers beyond all bounds
            array = np.zeros((0, 0))
        if array.size == 0 and array.ndim == 1:
            raise AdotxError("request.empty", "the prompt has no tokens", "request")
        if array.ndim != 1 or array.dtype.kind not in "iu":
            wrong = next((each for each in _listable(given) if not _is_whole(each)), given)
            raise AdotxError(
                "request.id",
                "{given} is no token id",
                "request",
                "give a list of integers",
                given=_short(wrong),
            )
        if len(array) >= context:
            raise AdotxError(
                "request.too_long",
                # Clients of the OpenAI API know this error by these words.
                "the prompt has {tokens} tokens; this model's maximum context length is {context} tokens",
                "request",
                "shorten the text or use fewer or smaller images",
                tokens=len(array),
                context=context,
            )
        outside = np.flatnonzero((array < 0) | (array >= vocabulary))
        if len(outside):
            raise AdotxError(
                "request.id",
                "id {token} is outside the vocabulary of {vocabulary}",
                "request",
                token=int(array[outside[0]]),
                vocabulary=vocabulary,
            )
        return array.tolist()

    def _limit(self, request: Request, room: int) -> int:
        """How many new ids there is room for, at most those that are asked for."""
        prompt, wanted = len(request.ids), request.sampling.max_new_tokens
        if prompt > room:
            raise AdotxError(
                "engine.cache_too_small",
                "the prompt's {prompt} tokens exceed the whole cache, {room}",
                "request",
                "shorten the prompt or raise kv_memory",
                prompt=prompt,
                room=room,
            )
        # The last new id is never fed back: it needs no position in the cache.
        limit = min(self._backend.context - prompt, room - prompt + 1)
        if wanted > limit and request.require_room:
            raise AdotxError(
                "request.no_room",
                "{wanted} new tokens are asked for, behind the prompt of {prompt} there is room for {limit}",
                "request",
                "lower max_new_tokens or shorten the prompt",
                wanted=wanted,
                prompt=prompt,
                limit=limit,
            )
        return min(wanted, limit)

    def _positions(self, request: Request) -> np.ndarray:
        """Where image features go: the slots' positions, checked image by image against tiles and ids."""
        image = self._backend.image
        tiles = [len(pixels) for pixels in request.images]
        # A text model has no image token: its id 22 is an ordinary one. So it is where "no slots" is said.
        no_slots = not tiles and request.slots is not None and len(request.slots) == 0
        image_id = None if image is None or no_slots else image.token_id
        positions = np.array([i for i, token in enumerate(request.ids) if token == image_id], np.int64)
        lengths = [] if image is None else [count * image.tokens_per_tile for count in tiles]
        slots = _runs(positions, lengths) if request.slots is None else request.slots
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

    def _own(self, image: np.ndarray | EncodedImage) -> np.ndarray | EncodedImage:
        """The same image, checked, in memory that nobody else writes to."""
        if isinstance(image, EncodedImage):
            self._check_encoded(image)
            return image
        return self.own_pixels(image)

    def own_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """A copy of one image's tiles, C-contiguous, checked.

        Raises:
            AdotxError: they are not this model's, or hold what is no number.
        """
        spec = self._image_spec()
        is_array = isinstance(pixels, np.ndarray)
        if (
            not is_array
            or pixels.ndim != 4
            or not len(pixels)
            or pixels.shape[1:] != spec.tile_shape
            or pixels.dtype != np.float32
        ):
            raise AdotxError(
                "request.pixels",
                "{dtype} {shape} instead of float32 [tiles, {expected}]",
                "pixels",
                "make them with adotx.vision.pixels",
                dtype=str(pixels.dtype) if is_array else type(pixels).__name__,
                shape=list(pixels.shape) if is_array else "",
                expected=", ".join(map(str, spec.tile_shape)),
            )
        own = pixels.copy()
        _check_finite(own, "pixels")
        return own

    def _check_encoded(self, image: EncodedImage) -> None:
        spec, features = self._image_spec(), image.features
        is_array = isinstance(features, np.ndarray)
        shape = (len(image.digests), spec.tokens_per_tile)
        fits = is_array and features.ndim == 3 and features.shape[:2] == shape and len(features)
        if not fits or features.dtype != np.float32:
            raise AdotxError(
                "request.features",
                "the features of an encoded image do not fit its {tiles} tiles",
                "images",
                "take them from Engine.encode",
                tiles=len(image.digests),
            )
        _check_finite(features, "features")

    def _image_spec(self) -> ImageSpec:
        if self._backend.image is None:
            raise AdotxError(
                "request.no_vision", "this checkpoint reads text only", "pixels", "use a VL checkpoint"
            )
        return self._backend.image


def _check_finite(array: np.ndarray, where: str) -> None:
    # The smallest and the largest of numbers are NaN where one of them is; no array of answers is made.
    if not (math.isfinite(array.min()) and math.isfinite(array.max())):
        what, remedy = "they hold NaN or infinity", "check where they were computed"
        raise AdotxError("request.not_finite", what, where, remedy)


def _check_terms(request: Request) -> None:
    """The terms on which a request waits and runs."""
    for seconds in (request.timeout, request.queue_timeout):
        if seconds is not None and not (_is_real(seconds) and 0 < seconds < math.inf):
            what = "{seconds} is not above 0 seconds"
            raise AdotxError("request.timeout", what, "request", seconds=_short(seconds))
    if not _is_whole(request.priority):
        what = "{priority} is no whole number"
        raise AdotxError("request.priority", what, "request", priority=_short(request.priority))
    salt = request.cache_salt
    if salt is not None and not (isinstance(salt, str) and 0 < len(salt) <= LONGEST_SALT):
        what, remedy = "a cache salt is a text of 1 to {longest} characters", "leave it out to share"
        raise AdotxError("request.cache_salt", what, "request", remedy, longest=LONGEST_SALT)


def _slots(given: Items[tuple[int, int]] | None) -> list[tuple[int, int]] | None:
    """(start, length) of each image as Python integers."""
    if given is None:
        return None
    try:
        slots = [(index(start), index(length)) for start, length in given]
    except (TypeError, ValueError):
        slots = [(-1, -1)]
    if any(start < 0 or length < 0 for start, length in slots):
        what, remedy = "{given} are no slots", "give a start and a length for each image, 0 or more"
        raise AdotxError("request.slots", what, "request", remedy, given=_short(given))
    return slots


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


def _listable(given: Any) -> Iterable[Any]:
    return given if isinstance(given, Iterable) and not isinstance(given, str | bytes) else ()


def _is_whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_real(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _short(value: Any) -> str:
    return repr(value)[:80]

"""Drafts from what was already said: prompt lookup (n-gram speculation).

In: a request's ids as they come. Out: guesses of the ids that follow, found where the last few ids stood
before. Knows no model: the engine computes the guesses beside the newest id and keeps those that its sampler
would have picked, so guessing changes speed alone.

Source: prompt lookup decoding (A. Saxena, 2023), as in transformers' `prompt_lookup_num_tokens`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

# Lengths of the runs of ids that are looked up, longest first: a longer match guesses better.
NGRAMS = (4, 3, 2)
# After so many drafts in a row of which nothing was right, guessing rests, each time twice as long.
MISSES = 2
FIRST_REST, LONGEST_REST = 8, 256


class Drafter:
    """Guesses for one request.

    Args:
        tokens: the prompt's ids.
        images: indices of ids that are no text: nothing is matched across them, nor are they ever guessed.
        longest: most ids to guess at a time.
    """

    def __init__(self, tokens: Sequence[int], images: Iterable[int], longest: int) -> None:
        assert longest > 0
        self.drafted = self.accepted = 0
        self._longest = self._length = longest
        self._misses, self._rest, self._resting = 0, FIRST_REST, 0
        self._tokens = list(tokens)
        for index in images:
            self._tokens[index] = -1
        # Where the ids that followed an n-gram begin; the latest place wins. The newest n-gram is left out:
        # nothing follows it yet.
        self._places: dict[tuple[int, ...], int] = {}
        for end in range(len(self._tokens)):
            self._index(end)

    def _index(self, end: int) -> None:
        for n in NGRAMS:
            if end >= n:
                gram = tuple(self._tokens[end - n : end])
                if -1 not in gram:
                    self._places[gram] = end

    def push(self, token: int) -> None:
        """The next id of the request."""
        self._index(len(self._tokens))
        self._tokens.append(token)
        self._resting -= self._resting > 0

    def propose(self, room: int) -> list[int]:
        """At most `room` guesses of what follows; none while guessing does not pay."""
        if self._resting or room < 1:
            return []
        for n in NGRAMS:
            place = self._places.get(tuple(self._tokens[-n:])) if len(self._tokens) >= n else None
            if place is not None:
                wanted = min(room, self._length)
                draft = self._tokens[place : place + wanted]
                # What follows runs into the end: it repeats.
                period = len(self._tokens) - place
                draft += [draft[i % period] for i in range(len(draft), wanted)]
                return draft[: draft.index(-1)] if -1 in draft else draft
        return []

    def report(self, drafted: int, accepted: int) -> None:
        """Of `drafted` guesses the first `accepted` were right."""
        self.drafted += drafted
        self.accepted += accepted
        if accepted:
            self._misses, self._rest = 0, FIRST_REST
            # Guess on as far as it lately went well, and one further.
            self._length = min(self._longest, accepted + 1 if accepted < drafted else 2 * drafted)
            return
        self._misses, self._length = self._misses + 1, max(self._length // 2, 1)
        if self._misses >= MISSES:
            self._misses, self._resting = 0, self._rest
            self._rest = min(2 * self._rest, LONGEST_REST)

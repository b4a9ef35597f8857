"""Results of tools, put in the order of the calls they answer: turns in, turns out.

The published format has no ids: a model knows which result is whose by their order alone. So results that say
which call they answer (``tool_call_id``) are put in the calls' order, and those that answer none of them are
refused. Results without an id stay where they are, and so do all in a conversation that tells no calls, as a
dialogue of the card does not. Knows no text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.chat.messages import ToolCall, Turn


def in_call_order(turns: Sequence[Turn]) -> list[Turn]:
    """The turns, each run of tool results in the order of the calls of the turn before it.

    Raises:
        AdotxError: ``chat.tool_result``: a result answers no call, one of two calls with the same id, or one
            that has a result already; or all results say which call they answer, and a call has none.
    """
    out: list[Turn] = []
    told = any(turn.calls for turn in turns)
    for is_result, group in groupby(enumerate(turns), key=lambda pair: pair[1].role == "tool"):
        run, calls = list(group), out[-1].calls if out else ()
        out += _ordered(run, calls) if is_result and told else [turn for _, turn in run]
    return out


def _ordered(run: list[tuple[int, Turn]], calls: Sequence[ToolCall]) -> list[Turn]:
    ids = Counter(call.id for call in calls if call.id)
    places = {call.id: i for i, call in enumerate(calls)}
    answered: dict[str, Turn] = {}
    for place, turn in run:
        if not turn.answers:
            continue
        where = f"messages[{place}].tool_call_id"
        if turn.answers not in ids:
            what, remedy = "no call before it has the id {id!r}", "give the id of one of those calls"
            raise AdotxError("chat.tool_result", what, where, remedy, id=turn.answers)
        if ids[turn.answers] > 1:
            what, remedy = "two calls have the id {id!r}", "give each call an id of its own"
            raise AdotxError("chat.tool_result", what, where, remedy, id=turn.answers)
        if turn.answers in answered:
            what, remedy = "the call {id!r} has two results", "give one result for each call"
            raise AdotxError("chat.tool_result", what, where, remedy, id=turn.answers)
        answered[turn.answers] = turn
    if len(answered) < len(run):
        return [turn for _, turn in run]
    for call_id in ids:
        if call_id not in answered:
            what, remedy = "the call {id!r} has no result", "give one result for each call"
            raise AdotxError("chat.tool_result", what, f"messages[{run[-1][0]}]", remedy, id=call_id)
    return sorted(answered.values(), key=lambda turn: places[turn.answers])

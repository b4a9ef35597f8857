"""What every worker of `benchmarks/engine.py` speaks: JSON lines, a question on stdin, an answer on stdout.

In: {"do": command, ...arguments}. Out: {"ok": result} or {"error": text}; {"do": "bye"} ends the worker. What
an engine prints by itself goes to stderr. Knows no engine; runs in any virtual environment, so it imports the
standard library only.

Commands of every worker:
    load(checkpoint, weights, threads, context, streams) -> versions, a dictionary
    run(streams) -> {"times": [[seconds, ...], ...], "arrivals": [seconds, ...]}

A stream is {"ids": [...], "new": n}: a prompt and how many tokens to decode after it, greedily and past any
end token; with {"after": k} it arrives once every stream without "after" has k tokens. `times` says for each
token of each stream when it came, `arrivals` when each stream was handed in; both in seconds since the run
began.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable


def serve(**commands: Callable) -> None:
    """Answer until "bye" or the end of stdin."""
    with os.fdopen(os.dup(1), "w", buffering=1) as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            arguments = json.loads(line)
            command = arguments.pop("do")
            if command == "bye":
                return
            try:
                answer = {"ok": commands[command](**arguments)}
            except Exception as error:
                traceback.print_exc()
                answer = {"error": f"{type(error).__name__}: {error}"}
            answers.write(json.dumps(answer) + "\n")


def drive(
    streams: list[dict], submit: Callable[[int, list[int], int], None], step: Callable[[], Iterable]
) -> dict:
    """`run` for an engine that is driven step by step.

    Args:
        streams: see above.
        submit: (index, ids, new) hands a stream to the engine.
        step: lets the engine work; yields (index, tokens that have come) for streams with news.
    """
    times: list[list[float]] = [[] for _ in streams]
    arrivals = [0.0] * len(streams)
    late = [index for index, stream in enumerate(streams) if "after" in stream]
    first = [index for index in range(len(streams)) if index not in late]
    start = time.perf_counter()

    def hand_in(index: int) -> None:
        arrivals[index] = time.perf_counter() - start
        submit(index, streams[index]["ids"], streams[index]["new"])

    for index in first:
        hand_in(index)
    while late or any(len(times[index]) < stream["new"] for index, stream in enumerate(streams)):
        for index, count in step():
            times[index] += [time.perf_counter() - start] * count
        for index in list(late):
            if all(len(times[other]) >= streams[index]["after"] for other in first):
                late.remove(index)
                hand_in(index)
    return {"times": times, "arrivals": arrivals}

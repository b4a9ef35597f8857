"""Clients of a server: prompts in, when each piece of each answer came out. Knows no server's insides.

Plain sockets and HTTP/1.1, so that on a machine of few cores the clients take little from the server. Clients
are tasks of one process; each asks, reads its answer to the end and asks again.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

#: seconds without a byte after which an answer counts as hanging
PATIENCE = 300.0


@dataclass
class Answer:
    """What became of one request; times are of `time.perf_counter`.

    Attributes:
        status: of HTTP; 0: the connection failed before there was one.
        asked, ended: when.
        pieces: when each piece of text came.
        tokens: as the server counts them.
        end: "done", "error" (an event that says so), "cut" (neither), "hangs", or "refused" (no 200).
        retry_after: as the server said with a refusal.
    """

    status: int = 0
    asked: float = 0.0
    ended: float = 0.0
    pieces: list[float] = field(default_factory=list)
    tokens: int = 0
    end: str = "cut"
    retry_after: str = ""


@dataclass(frozen=True)
class Target:
    """Where and what is asked: a model that answers each time with `new` tokens.

    Attributes:
        port: on this machine.
        model: as the server calls it.
        token: the one token that answers consist of, so that each is a piece of its own.
        new: tokens of an answer.
    """

    port: int
    model: str
    token: int
    new: int


async def ask(target: Target, prompt: Sequence[int]) -> Answer:
    """One request, read to its end."""
    answer = Answer(asked=time.perf_counter())
    try:
        async with asyncio.timeout(PATIENCE) as patience:
            await _exchange(target, prompt, answer, patience)
    except TimeoutError:
        answer.end = "hangs"
    except (OSError, asyncio.IncompleteReadError, ValueError):
        pass  # "cut", or "refused" where nobody listens
    answer.ended = time.perf_counter()
    return answer


async def load(target: Target, prompts: Sequence[Sequence[int]], clients: int) -> list[Answer]:
    """All prompts, asked by so many clients at once; none any more once an answer hangs."""
    left = list(reversed(prompts))
    answers: list[Answer] = []

    async def client() -> None:
        while left:
            answers.append(await ask(target, left.pop()))
            if answers[-1].end == "hangs":
                left.clear()

    await asyncio.gather(*(client() for _ in range(clients)))
    return answers


async def get(port: int, path: str, body: object = None) -> tuple[int, object]:
    """(status, JSON) of a short request; (0, None) where nobody answers."""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                _send(writer, "GET" if body is None else "POST", path, body)
                status, headers = await _head(reader)
                text = await reader.readexactly(int(headers.get("content-length", 0)))
            finally:
                writer.close()
        return status, json.loads(text) if text.strip().startswith((b"{", b"[")) else None
    except (OSError, asyncio.IncompleteReadError, ValueError):
        return 0, None


def summary(answers: Sequence[Answer]) -> dict[str, object]:
    """The figures of one load."""
    done = [answer for answer in answers if answer.end == "done"]
    ends = Counter(answer.end for answer in answers)
    told: dict[str, object] = {"answers": len(answers), "lost": len(answers) - len(done), **ends}
    if not done:
        return told
    seconds = max(answer.ended for answer in answers) - min(answer.asked for answer in answers)
    first = [answer.pieces[0] - answer.asked for answer in done if answer.pieces]
    gaps = [
        after - before for each in done for before, after in zip(each.pieces, each.pieces[1:], strict=False)
    ]
    return {
        **told,
        "tok/s": sum(answer.tokens for answer in done) / seconds,
        "first p50 s": percentile(first, 50),
        "first p95 s": percentile(first, 95),
        "gap p50 ms": 1000 * percentile(gaps, 50),
        "gap p95 ms": 1000 * percentile(gaps, 95),
        "tokens/piece": sum(answer.tokens for answer in done) / max(1, sum(len(a.pieces) for a in done)),
    }


def percentile(values: Sequence[float], share: int) -> float:
    """Of a list; NaN of an empty one."""
    if len(values) < 2:
        return values[0] if values else float("nan")
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


async def _exchange(target: Target, prompt: Sequence[int], answer: Answer, patience: asyncio.Timeout) -> None:
    body = {
        "model": target.model, "prompt": list(prompt), "max_tokens": target.new, "temperature": 0,
        "ignore_eos": True, "logit_bias": {str(target.token): 100}, "stream": True,
        "stream_options": {"include_usage": True},
    }  # fmt: skip
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    except OSError:
        answer.end = "refused"
        raise
    try:
        _send(writer, "POST", "/v1/completions", body)
        answer.status, headers = await _head(reader)
        answer.retry_after = headers.get("retry-after", "")
        if answer.status != 200:
            answer.end = "refused"
            return
        now = asyncio.get_running_loop().time
        while size := int(await reader.readuntil(b"\r\n"), 16):
            for line in (await reader.readexactly(size + 2)).split(b"\n"):
                _read(line, answer)
            patience.reschedule(now() + PATIENCE)
    finally:
        writer.close()


def _read(line: bytes, answer: Answer) -> None:
    """A line of an event; both servers write an event in one piece."""
    if not line.startswith(b"data: "):
        return
    if line.startswith(b"data: [DONE]"):
        answer.end = "done"
        return
    event = json.loads(line[6:])
    if "error" in event:
        answer.end = "error"
        return
    if event.get("usage"):
        answer.tokens = event["usage"]["completion_tokens"]
    if event["choices"] and event["choices"][0]["text"]:
        answer.pieces.append(time.perf_counter())


def _send(writer: asyncio.StreamWriter, method: str, path: str, body: object) -> None:
    data = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    writer.write(f"{head}connection: close\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data)


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
    headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
    return int(first.split()[1]), headers

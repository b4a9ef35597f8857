"""`adotx serve` under load, beside another server of the OpenAI API on the same weights, in one run.

    python benchmarks/serve.py --shape nano --json nano.json
    python benchmarks/serve.py --shape 0.45b --tokenizer DIR --json 0.45b.json \\
        --peer "VENV/bin/vllm serve {checkpoint} --port {port} --dtype bfloat16 --max-model-len 2048"

In: a shape (nano is the bundled one; of 0.45b random weights are made once, with the tokenizer files of DIR)
or a --checkpoint. Out: tables on stdout, and all of it as JSON. Each server is a process of its own, and is
stopped (SIGSTOP) while it is not asked; the clients are this process. Every answer has the same number of
tokens, and a bias holds it to one token, so that with every server each token is a piece of its own; prompts
are random ids, another one for every request.

Scenarios, of which --scenarios chooses:
    load       1 to 64 clients: tokens per second, time to the first piece, between pieces, answers lost
    layer      16 clients: tokens per second through HTTP beside the engine's own, in turns
    memory     what the server holds while many short requests come
    overload   more clients than the server has places: answers, refusals, and how long the slowest took
    end        SIGTERM under load: how the accepted streams end, when the process does, with what exit code
    restart    SIGKILL under load, then a start on the same port: seconds until it is ready
`memory` and the last three are about our server alone. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER / "serving"), str(FOLDER / "peers"), str(FOLDER), str(FOLDER.parent / "tests")]
from engine import SHAPES, say, write_checkpoint  # noqa: E402
from load import Answer, Target, get, load, summary  # noqa: E402
from process import EngineFailed  # noqa: E402
from prompts import plain_token, prompts_for  # noqa: E402
from servers import Server  # noqa: E402
from tables import machine, table  # noqa: E402

import adotx  # noqa: E402

SCENARIOS = ("load", "layer", "memory", "overload", "end", "restart")
FIGURES = ("tok/s", "first p50 s", "first p95 s", "gap p50 ms", "gap p95 ms", "tokens/piece", "lost")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(FOLDER.parent / "src")}


class Bench:
    """One run; `report` is what becomes the JSON file."""

    def __init__(self, options: argparse.Namespace, checkpoint: Path, work: Path) -> None:
        self.options, self.checkpoint, self.work = options, checkpoint, work
        self.token = plain_token(checkpoint)
        self.report: dict[str, Any] = {
            "machine": machine(),
            "settings": {key: str(value) for key, value in vars(options).items()},
        }

    def ours(self, **settings: object) -> Server:
        """Our server with other settings than its own."""
        file = self.work / "settings.toml"
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in {"access_log": False, **settings}.items()]
        file.write_text("".join(lines))
        command = [sys.executable, "-m", "adotx", "serve", "--model", str(self.checkpoint)]
        command += ["--weights", self.options.weights, "--port", "{port}", "--settings", str(file)]
        return Server("ours", command, "/ready", self.work / "ours.log", ENVIRONMENT)

    def peer(self) -> Server:
        words = [
            word.replace("{checkpoint}", str(self.checkpoint)) for word in shlex.split(self.options.peer)
        ]
        return Server("peer", words, "/health", self.work / "peer.log")

    async def target(self, server: Server, new: int) -> Target:
        _, listed = await get(server.port, "/v1/models")
        if not isinstance(listed, dict):
            raise EngineFailed(f"{server.label} does not answer")
        return Target(server.port, listed["data"][0]["id"], self.token, new)

    async def asked(
        self, server: Server, clients: int, count: int, *seed: object, length: int = 0, new: int = 0
    ) -> list[Answer]:
        """The answers to `count` new prompts."""
        target = await self.target(server, new or self.options.new)
        prompts = prompts_for(self.checkpoint, count, length or self.options.prompt, *seed)
        return await load(target, prompts, clients)

    async def watched(self, server: Server, clients: int, *seed: object) -> list[Answer]:
        """The same of a server that may die: its port may outlive it, in a child, and answer nobody."""
        count = max(self.options.requests, 2 * clients)
        answers = asyncio.create_task(self.asked(server, clients, count, *seed))
        while not (await asyncio.wait({answers}, timeout=1))[0]:
            if (code := server.wait(0)) is not None:
                answers.cancel()
                raise EngineFailed(f"{server.label} ended with {code}")
        if any(answer.end == "hangs" for answer in answers.result()):
            raise EngineFailed(f"{server.label} hangs")
        return answers.result()

    def load(self) -> None:
        """All servers by turns, every number of clients in every round."""
        servers = [self.ours(max_requests=256)] + ([self.peer()] if self.options.peer else [])
        told: dict[str, Any] = {str(clients): {} for clients in self.options.clients}
        self.report["load"] = told
        try:
            for server in list(servers):
                say("starting", server.label)
                try:
                    server.start()
                    asyncio.run(self.asked(server, 4, 8, "warm"))
                    server.pause()
                except EngineFailed as error:
                    self.report[f"{server.label} error"] = str(error)
                    servers.remove(server)
            for clients in self.options.clients:
                rounds: dict[str, list[dict[str, Any]]] = {server.label: [] for server in servers}
                for number in range(self.options.rounds):
                    for server in list(servers):
                        server.resume()
                        try:
                            answers = asyncio.run(self.watched(server, clients, "load", clients, number))
                        except EngineFailed as error:
                            self.report[f"{server.label} error"] = f"{clients} clients: {error}"
                            servers.remove(server)
                            server.kill()
                            continue
                        server.pause()
                        rounds[server.label].append(summary(answers))
                        say(clients, "clients", server.label, rounds[server.label][-1])
                told[str(clients)] = {label: _median(each) for label, each in rounds.items() if each}
        finally:
            for server in servers:
                server.kill()

    def layer(self) -> None:
        """16 streams through HTTP and in the engine's own process, in turns."""
        clients = 16
        count = max(self.options.requests, 2 * clients)
        server, served, own = self.ours(), [], []
        try:
            server.start()
            asyncio.run(self.asked(server, clients, clients, "warm"))
            server.pause()
            for number in range(self.options.rounds):
                server.resume()
                answers = asyncio.run(self.asked(server, clients, count, "layer", number))
                server.pause()
                served.append(float(summary(answers)["tok/s"]))  # type: ignore[arg-type]
                numbers = (clients, count, self.options.prompt, self.options.new, self.token)
                words = [str(self.checkpoint), self.options.weights, *map(str, numbers)]
                command = [sys.executable, str(FOLDER / "serving" / "in_process.py"), *words]
                done = subprocess.run(command, env=ENVIRONMENT, check=True, stdout=subprocess.PIPE, text=True)
                own.append(float(done.stdout))
                say("layer", served[-1], own[-1])
        finally:
            server.kill()
        served_best, own_best = sorted(served)[len(served) // 2], sorted(own)[len(own) // 2]
        self.report["layer"] = {
            "served tok/s": served_best, "engine tok/s": own_best, "cost": 1 - served_best / own_best,
            "rounds": [served, own],
        }  # fmt: skip

    def memory(self) -> None:
        """What it holds at ten points of many short requests, the same ones in each tenth: of new ones the
        prefix cache would keep what they have computed, until its budget is full."""
        server, held = self.ours(), []
        part = max(16, self.options.many // 10)
        try:
            server.start()
            for number in range(10):
                answers = asyncio.run(self.asked(server, 16, part, "many", length=32, new=4))
                assert all(answer.end == "done" for answer in answers), summary(answers)
                held.append(server.memory())
                say("memory", f"{(number + 1) * part} requests, {held[-1]:.0f} MB")
        finally:
            server.kill()
        # The first tenth fills caches and pools.
        self.report["memory"] = {"requests": 10 * part, "MB": held, "growth": held[-1] / held[1] - 1}

    def overload(self) -> None:
        """Eight places, and eight times as many clients at once."""
        server = self.ours(max_requests=8)
        try:
            server.start()
            answers = asyncio.run(self.asked(server, 64, 64, "overload"))
            refused = [answer for answer in answers if answer.end == "refused"]
            again = asyncio.run(self.asked(server, 4, 4, "afterwards"))
        finally:
            server.kill()
        self.report["overload"] = {
            **summary(answers),
            "429": sum(answer.status == 429 for answer in refused),
            "429 with retry-after": sum(bool(answer.retry_after) for answer in refused),
            "slowest refusal s": max((answer.ended - answer.asked for answer in refused), default=math.nan),
            "afterwards": summary(again)["lost"],
        }

    def end(self) -> None:
        """SIGTERM while 16 streams come, with a second to drain."""
        server = self.ours(drain_timeout=1.0)
        try:
            server.start()
            answers, refused, seconds = asyncio.run(self._ended(server))
            code = server.wait(30)
        finally:
            server.kill()
        ends = summary(answers)
        ends.pop("lost")
        self.report["end"] = {
            **ends,
            "exit code": code,
            "seconds": seconds,
            "while draining": refused.status or "no connection",
        }

    async def _ended(self, server: Server) -> tuple[list[Answer], Answer, float]:
        # The first stream of so many tokens goes beyond the second.
        streams = asyncio.create_task(self.asked(server, 16, 16, "end", new=self.options.long))
        await asyncio.sleep(1)
        server.terminate()
        began = time.perf_counter()
        await asyncio.sleep(0.2)
        [late] = await self._late(server)
        answers = await streams
        while server.wait(0) is None and time.perf_counter() - began < 60:
            await asyncio.sleep(0.01)
        return answers, late, time.perf_counter() - began

    async def _late(self, server: Server) -> list[Answer]:
        prompts = prompts_for(self.checkpoint, 1, 8, "late")
        return await load(Target(server.port, "any", self.token, 1), prompts, 1)

    def restart(self) -> None:
        """SIGKILL while streams come, and the way back."""
        server = self.ours()
        try:
            server.start()
            first = server.seconds
            asyncio.run(self._killed(server))
            server.start()
            answers = asyncio.run(self.asked(server, 2, 2, "again"))
        finally:
            server.kill()
        again = summary(answers)["lost"]
        self.report["restart"] = {"start s": first, "restart s": server.seconds, "lost afterwards": again}

    async def _killed(self, server: Server) -> None:
        streams = asyncio.create_task(self.asked(server, 8, 8, "killed", new=self.options.long))
        await asyncio.sleep(1)
        server.kill()
        await streams


def _median(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Each figure's median over the rounds; answers lost are added up."""
    middle = {
        name: sorted(values)[len(values) // 2]
        for name in FIGURES
        if (values := [each[name] for each in rounds if name in each])
    }
    return {**middle, "lost": sum(each["lost"] for each in rounds), "rounds": rounds}


def checkpoint_of(options: argparse.Namespace) -> Path:
    """The folder of the checkpoint, made where it is not there."""
    if options.checkpoint:
        return options.checkpoint
    if options.shape == "nano":
        return Path(adotx.__file__).parent / "nano"
    if options.tokenizer is None:
        sys.exit("--tokenizer DIR: random weights need the tokenizer files of a published checkpoint")
    folder = options.work / f"serve-{options.shape}"
    if not (folder / "done").exists():
        say("making", folder)
        write_checkpoint(folder, SHAPES[options.shape], dtype="bfloat16")
        for file in options.tokenizer.iterdir():
            if file.name in ("tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json",
                             "special_tokens_map.json", "added_tokens.json"):  # fmt: skip
                shutil.copyfile(file, folder / file.name)
        (folder / "done").touch()
    return folder


def tell(report: dict[str, Any]) -> None:
    """The report as tables."""
    print(json.dumps(report["machine"], ensure_ascii=False))
    rows = [
        [clients, label, *(entry.get(name, math.nan) for name in FIGURES)]
        for clients, servers in report.get("load", {}).items()
        for label, entry in servers.items()
    ]
    if rows:
        table("load", ["clients", "server", *FIGURES], rows)
    for name in ("layer", "memory", "overload", "end", "restart"):
        if name in report:
            shown = {key: value for key, value in report[name].items() if key not in ("rounds", "MB")}
            table(name, list(shown), [list(shown.values())])
    for name in [name for name in report if name.endswith("error")]:
        print(f"\n{name}: {report[name]}")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", choices=["nano", "0.45b"], default="nano")
    parser.add_argument("--checkpoint", type=Path, help="a folder, in place of a shape")
    parser.add_argument("--tokenizer", type=Path, metavar="DIR", help="whose tokenizer random weights get")
    parser.add_argument("--weights", default="int8", help="our weight format")
    parser.add_argument("--peer", default="", metavar="COMMAND", help="with {checkpoint} and {port}")
    parser.add_argument("--scenarios", nargs="*", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument("--clients", nargs="*", type=int, default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=16, help="at least so many; two for each client")
    parser.add_argument("--prompt", type=int, default=256, help="tokens of a prompt")
    parser.add_argument("--new", type=int, default=64, help="tokens of an answer")
    parser.add_argument("--long", type=int, default=1500, help="tokens of the answers that are interrupted")
    parser.add_argument("--many", type=int, default=2000, help="requests over which memory is watched")
    parser.add_argument("--work", type=Path, default=cache / "adotx" / "benchmarks", help="checkpoints")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    with tempfile.TemporaryDirectory(prefix="adotx-serve-") as work:
        bench = Bench(options, checkpoint_of(options), Path(work))
        try:
            for name in options.scenarios:
                say(name)
                getattr(bench, name)()
        finally:
            # Also after an interruption: what was measured until then.
            if options.json:
                options.json.write_text(json.dumps(bench.report, indent=1, ensure_ascii=False))
            tell(bench.report)


if __name__ == "__main__":
    main()

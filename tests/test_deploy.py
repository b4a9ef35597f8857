"""docs/deploy: the systemd unit and the Dockerfile are well-formed, as closed as can be, and fit adotx."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from configparser import RawConfigParser
from pathlib import Path

import pytest

from adotx.server.running import check_exposure, is_loopback
from adotx.server.settings import Settings
from test_cli import commands

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "deploy"
FILES = sorted(FOLDER.iterdir())
DOCKER = {"ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN",
          "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}  # fmt: skip


def unit() -> RawConfigParser:
    parser = RawConfigParser(strict=True, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string((FOLDER / "adotx.service").read_text(encoding="utf-8"))
    return parser


def instructions() -> list[tuple[str, str]]:
    """(instruction, rest) of the Dockerfile, continued lines joined."""
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in joined.splitlines() if line.strip()]


def last_stage() -> dict[str, str]:
    found: dict[str, str] = {}
    for name, rest in instructions():
        found = {} if name == "FROM" else found
        found[name] = rest
    return found


def serve_words(words: list[str]) -> dict[str, str]:
    """The options of an `adotx serve`, each with its value."""
    assert words[0].rpartition("/")[2] == "adotx" and words[1] == "serve"
    options = dict(zip(words[2::2], words[3::2], strict=True))
    known = {name for parameter in dict(commands())["serve"].params for name in parameter.opts}
    assert set(options) <= known
    return options


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


class TestUnit:
    def test_sections(self) -> None:
        assert unit().sections() == ["Unit", "Service", "Install"]

    def test_it_starts_what_there_is_and_lets_nobody_in_without_a_key(self) -> None:
        options = serve_words(shlex.split(unit()["Service"]["ExecStart"]))
        assert is_loopback(options["--host"]) and "--api-keys" in options
        name = options["--api-keys"].removeprefix("%d/")
        assert unit()["Service"]["LoadCredential"].split(":")[0] == name

    def test_it_is_closed(self) -> None:
        service = unit()["Service"]
        asked = {"DynamicUser": "yes", "NoNewPrivileges": "yes", "ProtectSystem": "strict",
                 "ProtectHome": "yes", "PrivateTmp": "yes", "CapabilityBoundingSet": "",
                 "IPAddressDeny": "any", "IPAddressAllow": "localhost",
                 "SystemCallArchitectures": "native"}  # fmt: skip
        assert {name: service[name] for name in asked} == asked
        assert "MemoryMax" in service and "User" not in service

    def test_it_waits_until_the_server_has_drained(self) -> None:
        assert unit()["Service"]["KillSignal"] == "SIGTERM"
        assert seconds(unit()["Service"]["TimeoutStopSec"]) > Settings().drain_timeout

    @pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
    def test_systemd_takes_it(self, tmp_path: Path) -> None:
        text = (FOLDER / "adotx.service").read_text(encoding="utf-8")
        (tmp_path / "adotx.service").write_text(text.replace("/opt/adotx/bin/adotx", "/bin/true"))
        verify = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "adotx.service")]
        done = subprocess.run(verify, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and not done.stderr, done.stderr


class TestDockerfile:
    def test_instructions(self) -> None:
        assert {name for name, _ in instructions()} <= DOCKER
        for name, rest in instructions():
            if name == "FROM":
                assert re.fullmatch(r"[\w./-]+:(?!latest)[\w.-]+( AS \w+)?", rest), rest

    def test_it_runs_as_nobody_in_particular(self) -> None:
        user = last_stage()["USER"]
        assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
        assert f"--uid {user.split(':')[0]}" in last_stage()["RUN"]

    def test_it_starts_what_there_is_and_refuses_to_without_a_key(self) -> None:
        stage = last_stage()
        options = serve_words([*json.loads(stage["ENTRYPOINT"]), *json.loads(stage["CMD"])])
        assert "--api-keys" in options
        with pytest.raises(Exception, match="without a key"):
            check_exposure(options["--host"], Settings())
        assert options["--port"] == stage["EXPOSE"]

    def test_health(self) -> None:
        command = json.loads(last_stage()["HEALTHCHECK"].split("CMD", 1)[1])
        assert command[:2] == ["python", "-c"] and "/health'" in command[2]
        compile(command[2], "HEALTHCHECK", "exec")
        assert last_stage()["STOPSIGNAL"] == "SIGTERM"

    def test_nothing_but_what_it_needs_is_sent(self) -> None:
        lines = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
        rules = [line for line in lines if line and not line.startswith("#")]
        copied = [word for name, rest in instructions() if name == "COPY" for word in rest.split()[:-1]]
        assert rules[0] == "*" and {rule[1:] for rule in rules if rule.startswith("!")} == set(copied)
        assert all((ROOT / name).exists() for name in copied)
        assert not any(name == "ADD" for name, _ in instructions())

    def test_the_guide_runs_it_on_a_root_that_cannot_be_written(self) -> None:
        guide = (FOLDER / "README.md").read_text(encoding="utf-8")
        [command] = re.findall(r"docker run (.*?[^\\])\n", guide, re.S)
        words = shlex.split(command.replace("\\\n", " "))
        assert {"--read-only", "--cap-drop", "no-new-privileges"} <= set(words)
        assert words[words.index("--publish") + 1].startswith("127.0.0.1:")
        assert float(words[words.index("--stop-timeout") + 1]) > Settings().drain_timeout


def test_the_proxy_of_the_guide_fits_the_settings() -> None:
    guide = (FOLDER / "README.md").read_text(encoding="utf-8")
    [settings] = re.findall(r"```toml\n(.*?)```", guide, re.S)
    [nginx] = re.findall(r"```nginx\n(.*?)```", guide, re.S)
    found = Settings.of(tomllib.loads(settings))
    [name] = re.findall(r"server_name (\S+);", nginx)
    assert found.hosts == (name,) and found.origins == (f"https://{name}",)
    assert f"client_max_body_size {found.max_upload >> 20}m;" in nginx
    assert f"proxy_read_timeout {found.run_timeout:g}s;" in nginx
    assert nginx.count("{") == nginx.count("}") and "proxy_buffering off;" in nginx


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_secrets(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(?i)(api_?key|token|password|secret)\w*\s*=\s*[\"']?[\w+/=-]{8,}", text)
    assert not re.search(r"\b[0-9a-f]{32,}\b|\bsk-\w{8,}", text)

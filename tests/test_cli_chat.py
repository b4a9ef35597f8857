"""`ask`, `describe` and `chat`: answers on stdout, all else on stderr, and what becomes of an interrupt."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adotx.cli import DONE, REFUSED, run
from adotx.cli.strings import text
from adotx.errors import AdotxError
from adotx.model import Model, Reply, Usage
from checkpoint_toys import toy_tokenizer
from scripted_answers import idle, mock_model


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADOTX_LANG", "en")


class TestAsk:
    def test_answers_on_stdout(self, toy: Path, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
        args = ["ask", str(picture), "뭐예요?", "--model", str(toy), "--max-tokens", "4", "--weights", "f32"]
        assert run(args) == DONE
        first = capsys.readouterr()
        assert first.out.endswith("\n") and "cut at 4 tokens" in first.err
        assert run(args) == DONE
        assert capsys.readouterr().out == first.out

    def test_describe(self, toy: Path, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["describe", str(picture), "--model", str(toy), "--max-tokens", "2"]) == DONE

    def test_bad_image_before_the_model(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "a.png").write_bytes(b"")
        assert run(["ask", str(tmp_path / "a.png"), "?", "--model", "absent"]) == REFUSED
        err = capsys.readouterr().err
        assert "a.png" in err and "absent" not in err

    def test_bad_sampling(self, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["ask", str(picture), "?", "--top-p", "0"]) == REFUSED
        assert "top_p" in capsys.readouterr().err

    def test_text_model_refuses_pictures(
        self, toy: Path, picture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        config = SimpleNamespace(family="qwen2", tiles=None, image_token_id=None)
        textual = SimpleNamespace(config=config, name="x", tokenizer=toy_tokenizer(), eos_ids=(0,))
        monkeypatch.setattr("adotx.model.Model.open", lambda *_, **__: Model(textual, None))  # type: ignore[arg-type]
        assert run(["ask", str(picture), "?", "--model", str(toy)]) == REFUSED
        assert "x: this checkpoint reads text only (use a VL checkpoint)" in capsys.readouterr().err


class FakeAnswer(Iterator[str]):
    """A stream of the pieces that it is given; an exception among them is raised."""

    def __init__(self, *pieces: str | BaseException) -> None:
        self._pieces, self.text = list(pieces), ""

    def __next__(self) -> str:
        piece = self._pieces.pop(0) if self._pieces else StopIteration()
        if isinstance(piece, BaseException):
            raise piece
        self.text += piece
        return piece

    def __enter__(self) -> FakeAnswer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        pass

    @property
    def reply(self) -> Reply:
        return Reply(self.text, (), "stop", Usage(1, 1, 0, 0))


class FakeModel:
    """Answers with the number of messages it got; "boom" is an error, "stop" an interrupt after a piece."""

    def __init__(self) -> None:
        self.name, self.answers = "fake", True
        self.asked: list[list[dict[str, Any]]] = []

    def stream(self, messages: list[dict[str, Any]], sampling: Any) -> FakeAnswer:
        self.asked.append(messages)
        if messages[-1]["content"] == "boom":
            raise AdotxError("request.too_long", "too long", "request", "shorten it")
        if messages[-1]["content"] == "stop":
            return FakeAnswer("답", KeyboardInterrupt())
        return FakeAnswer("답", f" {len(messages)}")


class TestChat:
    @pytest.fixture
    def model(self, monkeypatch: pytest.MonkeyPatch) -> FakeModel:
        fake = FakeModel()
        monkeypatch.setattr("adotx.cli.target.Target.open", lambda _: fake)
        return fake

    def talk(self, monkeypatch: pytest.MonkeyPatch, *lines: str, system: str | None = None) -> int:
        """The interactive chat with typed lines."""
        from adotx.cli.chat import chat
        from adotx.cli.target import Target
        from adotx.engine import SamplingParams

        typed = io.StringIO("".join(f"{line}\n" for line in lines))
        typed.isatty = lambda: True  # type: ignore[method-assign]
        monkeypatch.setattr("sys.stdin", typed)
        return chat(Target("fake"), system, SamplingParams())

    def test_remembers_and_quits(
        self, model: FakeModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.talk(monkeypatch, "하나", "", "둘", "/quit", "셋", system="짧게") == DONE
        assert capsys.readouterr().out == "답 2\n답 4\n"
        assert [message["role"] for message in model.asked[1]] == ["system", "user", "assistant", "user"]
        assert model.asked[1][2]["content"] == "답 2"

    def test_new_forgets(
        self, model: FakeModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.talk(monkeypatch, "하나", "/new", "/what", "둘") == DONE
        out, err = capsys.readouterr()
        assert out == "답 1\n답 1\n" and "commands: /new, /quit" in err

    def test_goes_on_after_an_error_and_an_interrupt(
        self, model: FakeModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.talk(monkeypatch, "boom", "stop", "하나") == DONE
        out, err = capsys.readouterr()
        assert "error: request: too long (shorten it)" in err
        assert out == "답\n답 3\n"
        assert [message["content"] for message in model.asked[2]] == ["stop", "답", "하나"]

    def test_what_an_interrupted_answer_said_counts(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from adotx.cli.chat import _turn
        from adotx.engine import SamplingParams

        model, written = mock_model(tmp_path), []

        def write(piece: str) -> None:
            written.append(piece)
            if len(written) == 5:
                raise KeyboardInterrupt

        monkeypatch.setattr("sys.stdout", SimpleNamespace(write=write, flush=lambda: None))
        messages: list[dict[str, Any]] = []
        _turn(model, messages, "?", SamplingParams(200, ignore_eos=True))
        assert messages == [
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": "".join(written[:5])},
        ]
        assert idle(model)

    def test_one_shot(self, toy: Path) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "adotx", "chat", "--model", str(toy), "--max-tokens", "3"],
            input="안녕하세요\n".encode(),
            capture_output=True,
            check=False,
        )
        assert done.returncode == DONE, done.stderr
        done.stdout.decode("utf-8")

    def test_a_model_that_only_reads_says_so(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("안녕".encode())))
        assert run(["chat", "--model", "nano", "--max-tokens", "2"]) == DONE
        assert text("chat.reader", model="nano") in capsys.readouterr().err

    @pytest.mark.parametrize("data", [b"", b" \n", b"\xff\xfe"])
    def test_one_shot_refuses(
        self, data: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert run(["chat"]) == REFUSED
        assert capsys.readouterr().err.startswith("error: stdin: ")

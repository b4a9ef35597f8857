"""benchmarks/engine.py: its workers, its report's structure, its figures. Nothing is asserted about speed."""

from __future__ import annotations

import importlib
import importlib.util
import json

import pytest

from benchmark_modules import BENCHMARKS, importer

PEERS = (
    ["transformers"] if importlib.util.find_spec("torch") and importlib.util.find_spec("transformers") else []
)


@pytest.fixture
def load(monkeypatch):
    """Import a module of the benchmarks by its name."""
    yield from importer(monkeypatch, BENCHMARKS, BENCHMARKS / "peers")


def test_a_run_of_two_engines(load, tmp_path, capsys):
    # An engine that is not built is told, and the others are measured all the same.
    command = ["--shape", "tiny", "--weights", "int8", "--peers", *PEERS, "vllm", "--rounds", "1"]
    command += ["--streams", "2", "--prompt", "20", "--new", "4", "--long", "40", "--work", str(tmp_path)]
    command += ["--scenarios", "streams", "arrival", "page", "--json", str(tmp_path / "report.json")]
    load("engine").main(command)

    report = json.loads((tmp_path / "report.json").read_text())
    measured = ["ours int8", *(f"{peer} bf16" for peer in PEERS)]
    assert list(report["engines"]) == [*measured, "vllm bf16"]
    assert "not built" in report["engines"]["vllm bf16"]["load error"]
    assert list(report["streams"]) == ["2"] and list(report["streams"]["2"]) == measured
    for label in measured:
        entry = report["streams"]["2"][label]
        assert len(entry["rounds"]) == 1 and entry["rounds"][0] == entry["median"]
        assert entry["median"]["tokens"] == 2 * 4
        assert all(value > 0 for name, value in entry["median"].items() if name != "together")
        assert report["engines"][label]["versions"]
    for figure in ("decode tok/s", "whole tok/s"):
        assert list(report["ratios"][figure]["2"]) == ["ours int8"]
        assert list(report["ratios"][figure]["2"]["ours int8"]) == measured[1:]
    # A batch of transformers' is fixed when it starts.
    assert list(report["arrival"]) == ["ours int8"]
    page = report["page"]["ours int8"]["median"]
    assert page["tiles"] > 1 and page["first s"] > 0 and page["second s"] > 0
    assert report["machine"]["cores"] >= 1 and report["machine"]["commit"]
    shown = capsys.readouterr().out
    assert all(label in shown for label in report["engines"])
    assert report["machine"]["command"] in shown


def test_figures_count_only_the_time_in_which_all_streams_decode(load):
    figures = load("figures").figures
    # The first stream starts at 1 s and the second at 3 s; then each has a token every half second.
    first = [1.0, 2.0, 3.0] + [3.0 + 0.5 * i for i in range(1, 9)]
    second = [3.0 + 0.5 * i for i in range(11)]
    result = figures([first, second], prompt=30)
    assert result["decode tok/s"] == pytest.approx(2 / 0.5)
    assert result["prompt tok/s"] == pytest.approx(2 * 30 / 3)
    assert result["whole tok/s"] == pytest.approx(22 / 8)
    assert result["first s"] == 2.0 and result["tokens"] == 22
    assert result["p50 ms"] == pytest.approx(500)


def test_figures_of_an_arrival_show_what_the_others_waited(load):
    figures = load("figures").arrival_figures
    steps = [0.1] * 20 + [1.0, 1.0] + [0.1] * 20  # two slow steps while the long prompt is computed
    moments = [sum(steps[: i + 1]) for i in range(len(steps))]
    result = figures({"times": [moments, moments, [moments[21]]], "arrivals": [0.0, 0.0, moments[19] + 0.01]})
    assert result["p50 ms"] == pytest.approx(100)
    assert result["p95 ms during"] == pytest.approx(1000)
    assert result["p95 during / p50"] == pytest.approx(10)
    assert result["long first s"] == pytest.approx(1.99)


def test_drive_hands_a_late_stream_in_when_the_others_are_under_way(load):
    handed, made = [], {}

    def submit(index, ids, new):
        handed.append((index, ids, new, dict(made)))
        made[index] = 0

    def step():
        for index in list(made):
            if made[index] < (3, 3, 1)[index]:
                made[index] += 1
                yield index, 1

    streams = [{"ids": [5], "new": 3}, {"ids": [6], "new": 3}, {"ids": [7, 8], "new": 1, "after": 2}]
    result = load("protocol").drive(streams, submit, step)
    assert [len(times) for times in result["times"]] == [3, 3, 1]
    assert handed[2] == (2, [7, 8], 1, {0: 2, 1: 2})
    assert result["arrivals"][2] <= result["times"][2][0]
    assert all(times == sorted(times) for times in result["times"])


def test_bytes_of_weights_that_a_token_reads(load, tmp_path):
    weight_bytes = load("figures").weight_bytes
    checkpoints = load("engine_checkpoints")
    path = checkpoints.write_checkpoint(tmp_path / "tiny", checkpoints.TINY_TEXT)
    hidden, mlp, layers, vocabulary, key_value = 48, 96, 2, 320, 16
    layer = hidden * (2 * hidden + 2 * key_value) + 3 * hidden * mlp
    matrices = layers * layer + hidden * vocabulary
    assert weight_bytes(path, "bf16") == 2 * matrices
    rows = layers * (3 * hidden + 2 * key_value + 2 * mlp) + vocabulary
    assert weight_bytes(path, "int8") == matrices + 4 * rows  # a float32 scale a row
    assert matrices / 2 < weight_bytes(path, "int4") < weight_bytes(path, "int8")


def test_figures_of_streams_that_never_decode_together(load):
    result = load("figures").figures([[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]], prompt=10)
    assert result["together"] == 0
    assert result["decode tok/s"] == pytest.approx(5 / 6)  # what comes after the very first token

"""The tests of `make test-vllm`. Collected only where vLLM is installed: its pinned packages exclude ours."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("vllm") else ["test_*.py"]

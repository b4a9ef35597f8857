"""What Prometheus may ask: vLLM's nouns under `adotx:`, and what pictures cost.

In: answers as they are given, and an engine's counters. Out: the text of /metrics. One registry a server, so
that tests may have several. Knows no routes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from adotx.engine import Engine
    from adotx.model import Reply

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class Metrics:
    """The counters of one server.

    Args:
        engine: whose numbers of the moment are told.
    """

    def __init__(self, engine: Engine) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_EngineCollector(engine))

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"adotx:{name}", what, labels, registry=self.registry)

        def seconds(name: str, what: str) -> Histogram:
            return Histogram(f"adotx:{name}_seconds", what, registry=self.registry, buckets=_SECONDS)

        self.requests = counter("http_requests", "Requests by route and status", "route", "code")
        self.success = counter("request_success", "Answers by how they ended", "finished_reason")
        self.rejections = counter("request_rejections", "Requests and streams that failed, by code", "code")
        self.prompt_tokens = counter("prompt_tokens", "Ids of prompts that were answered")
        self.generation_tokens = counter("generation_tokens", "Ids of answers")
        self.image_tokens = counter("image_tokens", "Image positions of prompts that were answered")
        self.images = counter("images", "Pictures that came with requests")
        self.tiles = counter("tiles", "Tiles of these pictures")
        self.pages = counter("document_pages", "Pages of documents, by what became of them", "status")
        self.image_failures = counter("image_failures", "Pictures that were refused, by code", "code")
        self.blocked_fetches = counter("blocked_fetches", "URLs of pictures that were not fetched")
        self.first_token = seconds("time_to_first_token", "From submission to an answer's first piece")
        self.between_tokens = seconds("inter_token_latency", "Between two pieces of a streamed answer")
        self.queue = seconds("request_queue_time", "From submission to the first step of an answer")
        self.prefill = seconds("request_prefill_time", "From its first step to its first id")
        self.decode = seconds("request_decode_time", "From its first id to its end")
        self.latency = seconds("e2e_request_latency", "From submission to the end of an answer")

    def answered(self, reply: Reply, latency: float) -> None:
        """Count an answer that has ended, `latency` seconds after it was asked for."""
        self.success.labels(reply.finish_reason).inc()
        self.prompt_tokens.inc(reply.usage.prompt_tokens)
        self.generation_tokens.inc(reply.usage.completion_tokens)
        self.image_tokens.inc(reply.usage.image_tokens)
        self.queue.observe(reply.queue_seconds)
        self.prefill.observe(reply.prompt_seconds)
        self.decode.observe(max(latency - reply.queue_seconds - reply.prompt_seconds, 0))
        self.latency.observe(latency)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self.registry)


class _EngineCollector(Collector):
    """The engine's own numbers, read when asked for."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        stats = self._engine.stats()
        yield GaugeMetricFamily("adotx:num_requests_running", "Requests in the batch", stats.running)
        yield GaugeMetricFamily("adotx:num_requests_waiting", "Requests behind the batch", stats.waiting)
        yield GaugeMetricFamily(
            "adotx:kv_cache_usage_perc", "Share of cache blocks that is held", stats.cache_use
        )
        yield CounterMetricFamily(
            "adotx:prefix_cache_queries", "Ids looked for in the cache", stats.prefix_queries
        )
        yield CounterMetricFamily("adotx:prefix_cache_hits", "Ids found there", stats.cached_tokens)
        yield CounterMetricFamily("adotx:num_preemptions", "Requests put back for others", stats.preemptions)
        yield CounterMetricFamily("adotx:tower_tiles", "Tiles that the vision tower encoded", stats.tiles)
        yield CounterMetricFamily("adotx:tower_seconds", "Time that it took for them", stats.tower_seconds)
        yield CounterMetricFamily("adotx:step_failures", "Steps that ended all requests", stats.failures)

"""What a page looks like in JSON: every kind of block, doubtful places, the status of a document."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from adotx.documents.doubt import doubted, plain, spans_of
from adotx.documents.outputs.markdown import whole_markdown
from adotx.documents.outputs.values import block_values, page_values, summary_of
from adotx.documents.transcribe import PageResult
from adotx.markdown import Cell, Code, Fields, Figure, Formula, Heading, Item, Quote, Span, Table

FIGURES = st.from_regex("[0-9]{1,4}(,[0-9]{3})?", fullmatch=True)


class TestValues:
    def test_every_kind_of_block(self) -> None:
        figure = doubted("12")
        told = [
            block_values(block)
            for block in (
                Heading.of("제목", 2),
                Item.of("하나", "가.", 1),
                Quote.of([Span("굵게", bold=True), Span("x", code=True)]),
                Code(("a", f"b {figure}")),
                Fields((("이름", f"홍 {figure}"),), ":"),
                Table(((Cell("가", rowspan=2), Cell("나", colspan=2)), (Cell(f"{figure}원"), Cell("")))),
                Formula("x^2"),
                Figure("그림"),
            )
        ]
        assert [each["kind"] for each in told] == [
            *("heading", "item", "quote", "code", "fields", "table", "formula", "figure")
        ]
        assert told[0]["level"] == 2 and told[0]["spans"] == [{"text": "제목"}]
        assert (told[1]["marker"], told[1]["level"]) == ("가.", 1)
        assert told[2]["spans"] == [{"text": "굵게", "bold": True}, {"text": "x", "code": True}]
        assert told[3]["lines"] == [{"text": "a"}, {"text": "b 12", "doubtful": [[2, 4]]}]
        assert told[4]["rows"] == [
            {"key": {"text": "이름"}, "value": {"text": "홍 12", "doubtful": [[2, 4]]}}
        ]
        assert told[5]["header_rows"] == 1
        assert told[5]["rows"] == [
            [{"text": "가", "rowspan": 2}, {"text": "나", "colspan": 2}],
            [{"text": "12원", "doubtful": [[0, 2]]}, {"text": ""}],
        ]
        assert told[6]["latex"] == "x^2" and told[7]["caption"] == {"text": "그림"}
        json.dumps(told, allow_nan=False)

    @given(st.lists(st.tuples(st.text("가a .,", max_size=4), FIGURES)))
    def test_doubtful_places_hold_the_figures(self, parts: list[tuple[str, str]]) -> None:
        text = "".join(f"{before} {doubted(figure)} " for before, figure in parts)
        assert [plain(text)[a:b] for a, b in spans_of(text)] == [plain(text[a:b]) for a, b in spans_of(text)]
        assert len(spans_of(text)) == len(parts)

    def test_statuses(self) -> None:
        ok, blank, failed = PageResult(()), PageResult((), "blank"), PageResult((), "failed", "x --> y")
        assert summary_of([ok, blank]).status == "ok" and summary_of([failed]).status == "failed"
        assert summary_of([ok, failed]).status == "partial"
        assert whole_markdown([failed]) == "<!-- page 1: failed: x - -> y -->\n"
        assert page_values(failed)["width"] is None

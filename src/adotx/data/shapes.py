"""Blocks of every kind on a `Sheet`: its own running text, and what has a shape: quotes, code, fields,
tables.

In: a sheet and blocks. Out: True if all were set whole; the sheet keeps the lines and the blocks as set.
Does not know: corpora, damages, kinds of pages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adotx.data.fonts import FontFace, missing
from adotx.data.look import mix
from adotx.data.typeset import Sheet, union
from adotx.data.wrap import SetLine, StyledText, Type, Word, drawable, to_spans, to_words, wrap
from adotx.markdown import Block, Code, Fields, Kind, Paragraph, Quote, Span, Table, item_indents, with_text


def set_blocks(sheet: Sheet, blocks: Sequence[Block]) -> bool:
    """Set `blocks` one after the other; False once the sheet is full. A block may be cut at the end."""
    for block, sheet.indent in zip(blocks, item_indents(blocks), strict=True):
        sheet.part_from(sheet.blocks[-1].kind if sheet.blocks else "", block.kind)
        if not _SETTERS[block.kind](sheet, block):
            return False
    return True


def set_quote(sheet: Sheet, block: Quote) -> bool:
    """A paragraph with a bar, in a box or on a tint."""
    look, pad = sheet.look, sheet.look.size * 0.7
    x0, _, x1, _ = sheet.columns[sheet.column]
    spans = sheet.prepared(block)
    lines = sheet.wrapped(spans, x1 - x0 - 2 * pad, 0.0, look.keep_all) if spans else []
    height = len(lines) * sheet.pitch() + 2 * pad
    if not lines:
        return True
    if not sheet.room(height):
        return False
    x0, _, x1, _ = sheet.columns[sheet.column]
    box = (x0, sheet.y, x1, sheet.y + height)
    if look.quote == "bar":
        sheet.draw.rectangle((x0, sheet.y, x0 + max(2, look.size // 6), box[3]), fill=look.faint)
    elif look.quote == "box":
        sheet.draw.rectangle(box, outline=look.faint, width=max(1, look.size // 16))
    else:
        sheet.draw.rectangle(box, fill=look.tint)
    sheet.y += pad
    sheet.place(
        lines,
        x0 + pad,
        x1 - x0 - 2 * pad,
        sheet.body,
        "quote",
        "left",
        look.ink,
        0.0,
        sheet.pitch(),
        "> ",
    )
    sheet.y += pad
    sheet.blocks.append(with_text(block, to_spans(lines)))
    return True


def set_paragraph(sheet: Sheet, block: Paragraph) -> bool:
    """A paragraph; on screens with messages in a bubble of its own colour, at the left or the right."""
    look, pad = sheet.look, sheet.look.size * 0.6
    x0, _, x1, _ = sheet.columns[sheet.column]
    spans = sheet.prepared(block) if look.bubbles else []
    room = 0.75 * (x1 - x0) - 2 * pad
    lines = sheet.wrapped(spans, room, 0.0, look.keep_all) if spans else []
    if not lines or block.align:
        return sheet.paragraph(block)
    height = len(lines) * sheet.pitch() + 2 * pad
    if not sheet.room(height):
        return False
    wide = max(line.width for line in lines) + 2 * pad
    mine = len(sheet.blocks) % 2 == 0
    left = x1 - wide if mine else x0
    fill = mix(look.accent, look.paper, 0.75) if mine else look.tint
    ink = look.ink if abs(sum(fill) - sum(look.ink)) > 240 else look.paper
    box = (left, sheet.y, left + wide, sheet.y + height)
    sheet.draw.rounded_rectangle(box, radius=pad, fill=fill)
    sheet.y += pad
    sheet.place(lines, left + pad, wide, sheet.body, "paragraph", "left", ink, 0.0, sheet.pitch(), "")
    sheet.y += pad
    sheet.blocks.append(with_text(block, to_spans(lines)))
    return True


def set_code(sheet: Sheet, block: Code) -> bool:
    """Lines as they are, in a fixed-width face where there is one; lines that are too long are left out."""
    look = sheet.look
    text = "\n".join(block.lines)
    face = look.mono if not missing(look.mono, text.replace("\n", "")) else look.body
    shown = [_code_line(face, line) for line in block.lines]
    pad = look.size * 0.6
    x0, _, x1, _ = sheet.columns[sheet.column]
    room = x1 - x0 - 2 * pad
    size = max(round(look.size * 0.92), 9)
    widest = max((Type(face, size).width(line) for line in shown), default=0.0)
    size = max(int(size * min(1.0, room / max(widest, 1.0))), round(look.size * 0.72))
    type_ = Type(face, size)
    shown = [line for line in shown if type_.width(line) <= room]  # what is too long is not part of the page
    pitch = size * 1.4
    fit = int((sheet.columns[sheet.column][3] - sheet.y - 2 * pad) / pitch)
    if fit < min(3, len(shown)):
        if not sheet.next_column():
            return False
        x0, _, x1, _ = sheet.columns[sheet.column]
        fit = int((sheet.columns[sheet.column][3] - sheet.y - 2 * pad) / pitch)
    shown = shown[: max(fit, 0)]
    while shown and not shown[-1].strip():
        shown.pop()
    while shown and not shown[0].strip():
        shown.pop(0)
    if not shown:
        return True
    ink = look.ink
    box = (x0, sheet.y, x1, sheet.y + len(shown) * pitch + 2 * pad)
    if look.code == "dark" and sum(look.paper) > 300:
        sheet.draw.rectangle(box, fill=mix(look.ink, look.paper, 0.1))
        ink = mix(look.paper, look.ink, 0.08)
    elif look.code in ("tint", "dark"):
        sheet.draw.rectangle(box, fill=look.tint)
    elif look.code == "box":
        sheet.draw.rectangle(box, outline=look.faint)
    y = sheet.y + pad
    for number, line in enumerate(shown):
        if line.strip():
            lead = len(line) - len(line.lstrip(" "))
            x = x0 + pad + type_.width(" " * lead)
            word = Word([StyledText(line.strip(" "), type_, code=True)])
            flat = sheet.draw_words([word], x, y + sheet.ascent(type_, pitch), 0.0, ink)
            sheet.keep(line, flat, size, "code", line, "\n", (number, 0))
        y += pitch
    sheet.y = box[3]
    sheet.blocks.append(replace(block, lines=tuple(shown)))
    return True


def _code_line(face: FontFace, line: str) -> str:
    lead = len(line) - len(line.lstrip(" "))
    return " " * lead + "".join(c for c in line[lead:] if c not in missing(face, line[lead:])).rstrip()


def set_fields(sheet: Sheet, block: Fields) -> bool:
    """Key and value on a line: the values at a tab stop, after the key, or at the right edge (`justify`)."""
    look, body = sheet.look, sheet.body
    value_type = Type(look.value, look.size) if not block.align else body
    x0, _, x1, _ = sheet.columns[sheet.column]
    split = block.align == "justify"  # keys at the left edge, values at the right one, as on receipts
    keys = [drawable(look.body, key) or "-" for key, _ in block.rows]
    tab = max(body.width(key + block.marker) for key in keys) + look.size
    tab = min(tab, (x1 - x0) * 0.45)
    placed: list[tuple[str, str]] = []
    for number, (key, (_, value)) in enumerate(zip(keys, block.rows, strict=True)):
        type_ = value_type if not missing(value_type.face, value) else body
        shown = drawable(type_.face, value)
        if not shown:
            continue
        head = key + block.marker
        left = tab if look.fields == "tab" and not split else body.width(head) + look.size * 0.5
        words = to_words([Span(shown)], lambda _, t=type_: t)  # type: ignore[misc]
        lines = wrap(words, x1 - x0 - left, 0.0, type_.space, False)
        pitch = sheet.pitch(1.6)
        if not sheet.room(len(lines) * pitch):
            break
        x0, _, x1, _ = sheet.columns[sheet.column]
        base = sheet.y + sheet.ascent(body, pitch)
        key_box = sheet.draw_words(to_words([Span(head)], lambda _: body), x0, base, body.space, look.ink)
        for row, line in enumerate(lines):
            x = x1 - line.width if split else x0 + left
            flat = sheet.draw_words(line.words, x, base + row * pitch, type_.space, look.ink)
            text = line.text if row else f"{head} {line.text}"
            glue = line.glue if row + 1 < len(lines) else "\n"
            sheet.keep(
                text, flat if row else union(key_box, flat), look.size, "fields", text, glue, (number, 0)
            )
        sheet.y += len(lines) * pitch
        placed.append((key, "".join(span.text for span in to_spans(lines))))
    if placed:
        sheet.blocks.append(replace(block, rows=tuple(placed)))
    return len(placed) == len(block.rows)


@dataclass
class _Cell:
    lines: list[SetLine]
    type: Type
    number: bool


def set_table(sheet: Sheet, block: Table) -> bool:
    """Rows and columns, ruled as the look says; rows that do not fit are left out."""
    look = sheet.look
    x0, _, x1, _ = sheet.columns[sheet.column]
    pad = look.size * 0.45
    count = len(block.rows[0])
    rows = [[_shown(sheet, cell, number == 0) for cell in row] for number, row in enumerate(block.texts)]
    widths = _widths(
        [[word.width for word in _words(cell)] for row in rows for cell in row], count, pad, x1 - x0, sheet
    )
    if widths is None:
        return True  # not a table for this page: left out
    if block.align == "justify":  # receipts: the goods at the left edge, the sums at the right one
        widths[0] += x1 - x0 - sum(widths)
    elif look.table in ("grid", "header") and not block.align:
        # Ruled tables mostly fill the measure.
        spare = (x1 - x0 - sum(widths)) / count
        widths = [width + spare * (0.9 if look.justify else 0.3) for width in widths]
    pitch = sheet.pitch(1.35)
    set_rows: list[list[_Cell]] = []
    for row in rows:
        set_rows.append(
            [
                _Cell(
                    wrap(_words(cell), widths[at] - 2 * pad, 0.0, cell[1].space, False),
                    cell[1],
                    _is_number(cell[0]),
                )
                for at, cell in enumerate(row)
            ]
        )
    heights = [max(len(cell.lines) for cell in row) * pitch + 1.2 * pad for row in set_rows]
    need = sum(heights[:3]) if len(heights) > 2 else sum(heights)
    if not sheet.room(need):
        return False
    x0, _, x1, y1 = sheet.columns[sheet.column]
    total = 0
    while total < len(heights) and sheet.y + sum(heights[: total + 1]) <= y1:
        total += 1
    top = sheet.y
    _rules(sheet, x0, top, widths, heights[:total])
    for number, placed in enumerate(set_rows[:total]):
        for at, cell in enumerate(placed):
            left = x0 + sum(widths[:at])
            _draw_cell(sheet, cell, (number, at), left + pad, widths[at] - 2 * pad, heights[number], pitch)
        sheet.y += heights[number]
    texts = [
        ["".join(span.text for span in to_spans(cell.lines)) for cell in row] for row in set_rows[:total]
    ]
    sheet.blocks.append(Table.of(texts, block.align))
    return total == len(heights)


def _shown(sheet: Sheet, text: str, header: bool) -> tuple[str, Type]:
    type_ = sheet.body
    if header and sheet.look.table in ("header", "grid") and sheet.look.bold:
        type_ = replace(type_, face=sheet.look.bold) if not missing(sheet.look.bold, text) else type_
    return drawable(type_.face, text) or "", type_


def _words(cell: tuple[str, Type]) -> list[Word]:
    return to_words([Span(cell[0])], lambda _: cell[1])


def _widths(
    cells: list[list[float]], count: int, pad: float, room: float, sheet: Sheet
) -> list[float] | None:
    """Column widths that hold the longest cell, or share the room by need; None if they get too narrow."""
    space = sheet.body.space
    natural, least = [], []
    for at in range(count):
        column = cells[at::count]
        natural.append(max(sum(c) + space * max(len(c) - 1, 0) for c in column) + 2 * pad + 1)
        # A column never gets narrower than a few syllables, so that words break seldom.
        least.append(max(min(max(c, default=0.0), 8.0 * sheet.look.size) for c in column) + 2 * pad + 1)
    if sum(natural) <= room:
        return (
            [max(width, 2 * sheet.look.size) for width in natural] if sum(natural) < 0.9 * room else natural
        )
    if sum(least) > room:
        return None
    spare = room - sum(least)
    wish = [n - s for n, s in zip(natural, least, strict=True)]
    return [s + spare * w / max(sum(wish), 1e-6) for s, w in zip(least, wish, strict=True)]


def _rules(sheet: Sheet, x0: float, top: float, widths: list[float], heights: list[float]) -> None:
    look, draw = sheet.look, sheet.draw
    right, bottom = x0 + sum(widths), top + sum(heights)
    pen = max(1, look.size // 18)
    if look.table == "header" or (look.table == "grid" and look.justify):
        draw.rectangle((x0, top, right, top + heights[0]), fill=look.tint)
    if look.table == "plain":
        return
    if look.table == "rows":
        for y, wide in ((top, 2), (top + heights[0], 1), (bottom, 2)):
            draw.line((x0, y, right, y), fill=look.ink, width=pen * wide)
        return
    y = top
    for height in (0.0, *heights):
        y += height
        draw.line((x0, y, right, y), fill=look.faint, width=pen)
    x = x0
    for width in (0.0, *widths):
        x += width
        draw.line((x, top, x, bottom), fill=look.faint, width=pen)


def _draw_cell(
    sheet: Sheet, cell: _Cell, place: tuple[int, int], x: float, width: float, height: float, pitch: float
) -> None:
    y = sheet.y + (height - len(cell.lines) * pitch) / 2
    centre = place[0] == 0 or (sheet.look.centre_title and not cell.number)
    for row, line in enumerate(cell.lines):
        slack = max(width - line.width, 0.0)
        start = x + (slack / 2 if centre else slack if cell.number else 0.0)
        flat = sheet.draw_words(
            line.words, start, y + sheet.ascent(cell.type, pitch), cell.type.space, sheet.look.ink
        )
        glue = line.glue if row + 1 < len(cell.lines) else "\n"
        sheet.keep(line.text, flat, sheet.look.size, "table", line.text, glue, place)
        y += pitch


def _is_number(text: str) -> bool:
    digits = sum(character.isdigit() for character in text)
    return digits > 0 and digits + sum(character in ",.-+%원₩ ()" for character in text) == len(text)


_SETTERS: dict[Kind, Callable[[Sheet, Any], bool]] = {
    "heading": Sheet.heading,
    "paragraph": set_paragraph,
    "item": Sheet.item,
    "quote": set_quote,
    "code": set_code,
    "fields": set_fields,
    "table": set_table,
}

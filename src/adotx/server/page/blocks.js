// Blocks of a document, as the API tells them, in; DOM nodes out. Texts become text nodes, whatever they hold.

import { el } from "/page/dom.js";
import { t } from "/page/words.js";

/** Below this a block is marked as unsure. */
const UNSURE = 0.9;

/**
 * The nodes of a page's blocks. `shift`: added to the level of headings, where the page stands under others.
 * `each(block, node)`: called with every block and its node.
 */
export function renderBlocks(blocks, { shift = 0, each = () => {} } = {}) {
  const nodes = [];
  let list = null;
  for (const block of blocks) {
    const node = render(block, shift);
    if (block.confidence !== null && block.confidence < UNSURE) node.classList.add("unsure");
    each(block, node);
    if (block.kind === "item") {
      if (!list) nodes.push(list = el("ul", { class: "items" }));
      list.append(node);
    } else {
      list = null;
      nodes.push(node);
    }
  }
  return nodes;
}

function render(block, shift) {
  switch (block.kind) {
    case "heading":
      return el(`h${Math.min(block.level + shift, 6)}`, { class: `heading level-${block.level}` }, ...spans(block.spans));
    case "item": {
      const marker = block.marker === "-" ? "•" : block.marker;
      const node = el("li", { class: "item" }, el("span", { class: "marker" }, `${marker} `), el("span", {}, ...spans(block.spans)));
      node.classList.add(`depth-${Math.min(block.level, 5)}`);
      return node;
    }
    case "quote":
      return el("blockquote", {}, el("p", {}, ...spans(block.spans)));
    case "code":
      return el("pre", {}, el("code", {}, ...block.lines.flatMap((line, n) => [n ? "\n" : "", ...doubts(line)])));
    case "fields":
      return el("dl", { class: "fields" }, ...block.rows.map(({ key, value }) =>
        el("div", {}, el("dt", {}, ...doubts(key)), el("dd", {}, ...doubts(value)))));
    case "table":
      return table(block);
    case "formula":
      return el("pre", { class: "formula" }, el("code", {}, block.latex));
    case "figure":
      return el("figure", {}, el("figcaption", {}, ...doubts(block.caption)));
    default:
      return el("p", {}, ...spans(block.spans ?? [{ text: block.markdown }]));
  }
}

// What a cell says: text, and tables where they stand inside.
function inside(cell) {
  return (cell.inner ?? [cell]).flatMap((part) => part.rows ? [table(part)] : doubts(part));
}

function table(block) {
  const row = (cells, name) => el("tr", {}, ...cells.map((cell) =>
    el(name, { colSpan: cell.colspan, rowSpan: cell.rowspan, scope: name === "th" ? "col" : undefined }, ...inside(cell))));
  const head = block.rows.slice(0, block.header_rows).map((cells) => row(cells, "th"));
  const body = block.rows.slice(block.header_rows).map((cells) => row(cells, "td"));
  const whole = el("table", {}, head.length ? el("thead", {}, ...head) : null, el("tbody", {}, ...body));
  // Wide tables scroll by themselves, so that the rest of the text need not.
  return el("div", { class: "table" }, whole);
}

function spans(all) {
  return all.map((span) => {
    let nodes = doubts(span);
    if (span.code) nodes = [el("code", {}, ...nodes)];
    return span.bold ? el("strong", {}, ...nodes) : el("span", {}, ...nodes);
  });
}

/** A text as nodes, its doubtful figures marked. Places count code points. */
function doubts({ text, doubtful = [] }) {
  if (!doubtful.length) return [text];
  const characters = Array.from(text);
  const nodes = [];
  let at = 0;
  for (const [start, end] of doubtful) {
    nodes.push(characters.slice(at, start).join(""));
    nodes.push(el("mark", { class: "doubt", title: t("doubt") }, characters.slice(start, end).join("")));
    at = end;
  }
  nodes.push(characters.slice(at).join(""));
  return nodes;
}

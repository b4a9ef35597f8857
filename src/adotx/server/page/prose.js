// A model's answer, Markdown perhaps not yet at its end, in; DOM nodes out. What is not understood stays text;
// links and pictures stay text too: nothing that a model says is fetched or followed.

import { el } from "/page/dom.js";

const FENCE = /^\s*(```+|~~~+)/;
const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const ITEM = /^(\s*)(?:([-*+])|(\d{1,9})[.)])\s+(.*)$/;
const DELIMITERS = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

export function renderProse(text) {
  const lines = text.split("\n");
  const nodes = [];
  let at = 0;
  const begins = (line) => FENCE.test(line) || HEADING.test(line) || ITEM.test(line) || line.startsWith(">");
  while (at < lines.length) {
    const line = lines[at];
    const fence = line.match(FENCE);
    const heading = line.match(HEADING);
    if (!line.trim()) {
      at++;
    } else if (fence) {
      const body = [];
      for (at++; at < lines.length && !lines[at].trim().startsWith(fence[1]); at++) body.push(lines[at]);
      at++;
      nodes.push(el("pre", {}, el("code", {}, body.join("\n"))));
    } else if (heading) {
      nodes.push(el("p", { class: "heading" }, el("strong", {}, ...inline(heading[2]))));
      at++;
    } else if (line.includes("|") && DELIMITERS.test(lines[at + 1] ?? "") && lines[at + 1].includes("|")) {
      const head = cells(line);
      const body = [];
      for (at += 2; at < lines.length && lines[at].includes("|"); at++) body.push(cells(lines[at]));
      nodes.push(table(head, body));
    } else if (line.startsWith(">")) {
      const body = [];
      for (; at < lines.length && lines[at].startsWith(">"); at++) body.push(lines[at].replace(/^>\s?/, ""));
      nodes.push(el("blockquote", {}, ...renderProse(body.join("\n"))));
    } else if (ITEM.test(line)) {
      const items = [];
      for (; at < lines.length && (ITEM.test(lines[at]) || (/^\s+\S/.test(lines[at]) && items.length)); at++) {
        const item = lines[at].match(ITEM);
        if (item) items.push({ indent: item[1].length, number: item[3], text: item[4] });
        else items.at(-1).text += `\n${lines[at].trim()}`;
      }
      nodes.push(list(items));
    } else {
      const body = [];
      for (; at < lines.length && lines[at].trim() && (!body.length || !begins(lines[at])); at++) body.push(lines[at]);
      nodes.push(el("p", {}, ...inline(body.join("\n"))));
    }
  }
  return nodes;
}

/** Items as a list; those that are indented more are a list in the item before them. */
function list(items) {
  const { indent, number } = items[0];
  const whole = number === undefined ? el("ul") : el("ol", { start: Number(number) });
  for (let at = 0; at < items.length;) {
    const entry = el("li", {}, ...inline(items[at].text));
    let end = at + 1;
    while (end < items.length && items[end].indent > indent) end++;
    if (end > at + 1) entry.append(list(items.slice(at + 1, end)));
    whole.append(entry);
    at = end;
  }
  return whole;
}

function table(head, body) {
  const row = (name, texts) => el("tr", {}, ...head.map((_, n) => el(name, {}, ...inline(texts[n] ?? ""))));
  return el("div", { class: "table" },
    el("table", {}, el("thead", {}, row("th", head)), el("tbody", {}, ...body.map((texts) => row("td", texts)))));
}

function cells(line) {
  return line.trim().replace(/^\|/, "").replace(/\|$/, "").split("|").map((text) => text.trim());
}

function inline(text) {
  const nodes = [];
  let at = 0;
  for (const found of text.matchAll(/`([^`\n]+)`|\*\*(?=\S)([^*]+?)\*\*|(?<![\w*])\*(?=\S)([^*\n]+?)\*(?!\w)/g)) {
    nodes.push(text.slice(at, found.index));
    if (found[1] !== undefined) nodes.push(el("code", {}, found[1]));
    else nodes.push(el(found[2] === undefined ? "em" : "strong", {}, found[2] ?? found[3]));
    at = found.index + found[0].length;
  }
  nodes.push(text.slice(at));
  return nodes.filter((node) => node !== "");
}

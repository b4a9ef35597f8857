// A document to take away: copied, or as a file. A `ReadDocument` in. Knows no page.

import { renderBlocks } from "/page/blocks.js";
import { el } from "/page/dom.js";
import { language } from "/page/words.js";

const STYLE = "body{max-width:46em;margin:3em auto;padding:0 1em;font:16px/1.7 system-ui,sans-serif;word-break:keep-all;"
  + "overflow-wrap:anywhere}table{border-collapse:collapse}th,td{border:1px solid #bbb;padding:.3em .6em;text-align:left;"
  + "vertical-align:top}ul.items{list-style:none;padding-left:1em}dl.fields div{display:flex;gap:1em}dd{margin:0}"
  + "pre{white-space:pre-wrap}";

/** The text as HTML without a head, for a clipboard; headings as high as on the page. */
export function htmlOf(document) {
  const whole = el("div", {}, ...document.results.flatMap((page) => renderBlocks(page.blocks)));
  return whole.outerHTML;
}

function htmlFile(document) {
  const title = el("title", {}, document.name).outerHTML;
  return `<!doctype html>\n<html lang="${language()}"><head><meta charset="utf-8">${title}<style>${STYLE}</style></head>`
    + `<body>${htmlOf(document)}</body></html>\n`;
}

const FILES = {
  md: ["text/markdown", (document) => `${document.markdown}\n`],
  html: ["text/html", htmlFile],
  json: ["application/json", (document) => `${JSON.stringify(document.values, null, 2)}\n`],
};

/** Have the browser save it. `kind`: "md", "html" or "json". */
export function download(document, kind) {
  const [type, text] = FILES[kind];
  const url = URL.createObjectURL(new Blob([text(document)], { type: `${type};charset=utf-8` }));
  el("a", { href: url, download: `${document.name.replace(/\.[^.]*$/, "") || "document"}.${kind}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** To the clipboard: Markdown for editors of text, HTML for those of documents, which keep its tables. */
export async function copy(document) {
  const text = document.markdown;
  if (navigator.clipboard?.write) {
    const kinds = { "text/plain": text, "text/html": htmlOf(document) };
    const blobs = Object.entries(kinds).map(([type, data]) => [type, new Blob([data], { type })]);
    await navigator.clipboard.write([new ClipboardItem(Object.fromEntries(blobs))]);
    return;
  }
  // Without https browsers have the old way alone.
  const field = el("textarea", { value: text, readOnly: true, class: "unseen" });
  window.document.body.append(field);
  field.select();
  window.document.execCommand("copy");
  field.remove();
}

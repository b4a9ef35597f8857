// Tools that a model may call here: looking things up in the open document, and functions that the user describes and
// answers. Descriptions and results in the API's shape. Knows no elements.

import { t } from "/page/words.js";

const MOST_FOUND = 20;

const DOCUMENT_TOOLS = [
  {
    name: "read_page",
    description: "The text of one page of the user's document, as Markdown.",
    parameters: {
      type: "object",
      properties: { page: { type: "integer", description: "Number of the page, from 1." } },
      required: ["page"],
    },
    run: (document, { page }) => {
      const result = document.pages.get(page)?.result;
      if (!result) return { error: `no page ${page}`, pages: document.numbers };
      return { page, status: result.status, markdown: result.markdown };
    },
  },
  {
    name: "find_text",
    description: "Where words stand in the user's document: pages and the blocks that hold them.",
    parameters: {
      type: "object",
      properties: { words: { type: "string", description: "What to look for, letter by letter." } },
      required: ["words"],
    },
    run: (document, { words }) => {
      const wanted = String(words).normalize("NFC").toLowerCase();
      const found = document.results.flatMap(({ number, blocks }) => blocks
        .filter((block) => block.markdown.normalize("NFC").toLowerCase().includes(wanted))
        .map((block) => ({ page: number, text: block.markdown })));
      return { count: found.length, found: found.slice(0, MOST_FOUND) };
    },
  },
];

/** Descriptions for a request; raises SyntaxError where the user's own are no JSON list. */
export function descriptions(document, useDocument, own) {
  const given = own.trim() ? JSON.parse(own) : [];
  if (!Array.isArray(given)) throw new SyntaxError(t("tools.broken"));
  const ours = useDocument && document ? DOCUMENT_TOOLS : [];
  return [...ours.map(({ run: _, ...described }) => ({ type: "function", function: described })), ...given];
}

/** What one of our tools gives for a call; undefined where the user has to. */
export function resultOf(document, call) {
  const tool = document && DOCUMENT_TOOLS.find(({ name }) => name === call.function.name);
  if (!tool) return undefined;
  try {
    return JSON.stringify(tool.run(document, JSON.parse(call.function.arguments || "{}")));
  } catch (error) {
    return JSON.stringify({ error: error.message });
  }
}

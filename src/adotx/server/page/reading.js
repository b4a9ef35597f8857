// A document that is being read: a file in, its pages as the server tells them. Knows no elements.

import { ApiError, call, events } from "/page/api.js";
import { t } from "/page/words.js";

export class ReadDocument {
  /** pages: number -> {number, width, height, image, result}; result is null until the page is read. */
  constructor(file) {
    this.file = file;
    this.name = file.name || t("start.pasted");
    this.numbers = [];
    this.pages = new Map();
    this.head = {};
    this.end = null;
  }

  /** Read it; `changed` is called after each event. Raises ApiError, or AbortError where `signal` says so. */
  async read({ pages, password, signal, changed }) {
    const form = new FormData();
    form.append("file", this.file, this.name);
    form.append("stream", "true");
    form.append("page_images", "true");
    if (pages) form.append("pages", pages);
    if (password) form.append("password", password);
    const response = await call("/v1/documents/transcriptions", { body: form, signal });
    for await (const event of events(response)) {
      this.#take(event);
      changed(event);
    }
    if (!this.end) throw new ApiError(t("offline"));
  }

  #take(event) {
    switch (event.type) {
      case "document.created":
        this.head = { id: event.id, object: event.object, created: event.created, model: event.model };
        this.numbers = event.page_numbers;
        break;
      case "page.opened":
        this.pages.set(event.number, { ...event, result: null });
        break;
      case "page.completed": {
        const page = this.pages.get(event.page.number) ?? { number: event.page.number, image: null };
        this.pages.set(page.number, { ...page, result: event.page });
        break;
      }
      case "document.completed":
        this.end = { status: event.status, page_counts: event.page_counts, seconds: event.seconds };
    }
  }

  /** The pages that are read, in order. */
  get results() {
    return this.numbers.map((number) => this.pages.get(number)?.result).filter(Boolean);
  }

  get markdown() {
    return this.results.map((page) => page.markdown.trim()).filter(Boolean).join("\n\n");
  }

  /** What the API gives without a stream. */
  get values() {
    return { ...this.head, ...this.end, markdown: this.markdown, pages: this.results };
  }

  /** Figures that may be wrong, on all pages. */
  get doubtful() {
    return this.results.reduce((sum, page) => sum + page.doubtful.length, 0);
  }
}

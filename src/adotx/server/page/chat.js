// A conversation: questions in, answers as they stream, with the tools that were called. Pictures and texts of the
// open document go along where they are wanted.

import { call, events } from "/page/api.js";
import { $, announce, el } from "/page/dom.js";
import { renderProse } from "/page/prose.js";
import { descriptions, resultOf } from "/page/tools.js";
import { spoken, t } from "/page/words.js";

// So many answers to results of tools may follow each other before the user is asked again.
const MOST_ROUNDS = 8;

export class Chat {
  #messages = [];
  #sent = new Set(); // what of which page is in the conversation: "picture 1"
  #answering = null; // AbortController
  #reader;
  document = null; // the open one
  model = null; // {id, sees, answers}

  constructor(reader) {
    this.#reader = reader;
    $("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#answering) this.#answering.abort();
      else this.#send();
    });
    $("question").addEventListener("keydown", (event) => {
      // While a syllable is being composed, Enter belongs to it.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      if (!this.#answering) this.#send();
    });
    $("forget").onclick = () => this.forget();
    document.addEventListener("adotx:page", () => this.offer());
    spoken(() => this.update());
  }

  /** Say what can be asked. */
  update() {
    const { model } = this;
    const mute = Boolean(model) && !model.answers;
    $("reads-only").hidden = !mute;
    if (mute) $("reads-only").textContent = t("ask.reads-only", { model: model.id });
    for (const id of ["question", "send", "own-tools", "document-tools", "forget"]) $(id).disabled = mute;
    $("composer").hidden = mute;
    $("log").hidden = mute;
    $("document-tools-label").hidden = !this.document;
    $("send").textContent = this.#answering ? t("stop") : t("ask.send");
    const hello = $("log").querySelector(".hello");
    if (hello) hello.textContent = t(this.document ? "ask.hello" : "ask.hello.free");
    this.offer();
  }

  /** Begin anew. */
  forget() {
    this.#answering?.abort();
    this.#messages = [];
    this.#sent.clear();
    $("log").replaceChildren(el("p", { class: "hint hello" }));
    this.update();
  }

  /** What of the page may go along with the next question. */
  offer() {
    const number = this.#reader.number;
    const page = this.document?.pages.get(number);
    const was = Object.fromEntries([...$("chips").querySelectorAll("input")].map((box) => [box.value, box.checked]));
    const chips = [];
    const chip = (what, key, wanted) => {
      const value = `${what} ${number}`;
      if (this.#sent.has(value)) return;
      const box = el("input", { type: "checkbox", value, checked: was[value] ?? wanted });
      box.dataset.what = what;
      chips.push(el("label", { class: "chip" }, box, el("span", {}, t(key, { number }))));
    };
    const sees = this.model?.sees ?? true;
    if (page?.image && sees) chip("picture", "ask.picture", true);
    if (page?.result?.markdown) chip("text", "ask.text", !sees);
    $("chips").replaceChildren(...chips);
  }

  async #send() {
    const text = $("question").value.trim();
    if (!text) return;
    let tools;
    try {
      tools = descriptions(this.document, $("document-tools").checked, $("own-tools").value);
    } catch {
      $("tools").open = true;
      announce(t("tools.broken"));
      this.#fail(t("tools.broken"));
      return;
    }
    $("log").querySelector(".hello")?.remove();
    const before = [this.#messages.length, new Set(this.#sent)];
    const content = this.#parts(text);
    this.#messages.push({ role: "user", content: content.length > 1 ? content : text });
    this.#say(text, content);
    $("question").value = "";
    this.#answering = new AbortController();
    this.update();
    try {
      await this.#converse(tools);
      announce(t("ask.done"));
    } catch (error) {
      // A turn that was not answered is no part of the conversation.
      this.#messages.length = before[0];
      this.#sent = before[1];
      if (error.name !== "AbortError") {
        $("question").value = text;
        this.#fail(error.message);
      } else {
        $("log").append(el("p", { class: "hint" }, t("ask.stopped")));
      }
    } finally {
      this.#answering = null;
      this.update();
      $("question").focus();
    }
  }

  /** The question with what goes along: the picture first, as the model card has it. */
  #parts(text) {
    const parts = [];
    for (const box of $("chips").querySelectorAll("input:checked")) {
      const page = this.document.pages.get(this.#reader.number);
      this.#sent.add(box.value);
      if (box.dataset.what === "picture") parts.push({ type: "image_url", image_url: { url: page.image } });
      else parts.push({ type: "text", text: `${t("page.number", page)}:\n\n${page.result.markdown}` });
    }
    return [...parts, { type: "text", text }];
  }

  async #converse(tools) {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const message = await this.#answer(tools);
      this.#messages.push(message);
      if (!message.tool_calls?.length) return;
      for (const asked of message.tool_calls) {
        const content = resultOf(this.document, asked) ?? await this.#askResult(asked);
        this.#messages.push({ role: "tool", tool_call_id: asked.id, content });
        this.#result(asked, content);
      }
    }
  }

  /** One answer, shown as it comes. */
  async #answer(tools) {
    const body = { model: this.model?.id, messages: this.#messages, stream: true, ...(tools.length ? { tools } : {}) };
    const view = new AnswerView();
    let content = "";
    let reason = null;
    const calls = [];
    try {
      const response = await call("/v1/chat/completions", { body, signal: this.#answering.signal });
      for await (const { choices } of events(response)) {
        const { delta, finish_reason } = choices?.[0] ?? {};
        content += delta?.content ?? "";
        for (const piece of delta?.tool_calls ?? []) {
          const asked = calls[piece.index] ??= { id: "", type: "function", function: { name: "", arguments: "" } };
          asked.id ||= piece.id ?? "";
          asked.function.name += piece.function?.name ?? "";
          asked.function.arguments += piece.function?.arguments ?? "";
        }
        reason = finish_reason ?? reason;
        view.show(content, calls);
      }
    } finally {
      view.end(content, calls);
    }
    if (reason === "length") $("log").append(el("p", { class: "hint" }, t("ask.cut")));
    return { role: "assistant", content: content || null, ...(calls.length ? { tool_calls: calls } : {}) };
  }

  /** The user's result of a function of the user's. */
  #askResult(asked) {
    const field = el("textarea", { rows: 2, spellcheck: false, "aria-label": t("tools.give", asked.function) });
    const form = el("form", { class: "give" }, field, el("button", { type: "submit" }, t("tools.go-on")));
    $("log").append(form);
    field.focus();
    return new Promise((resolve, reject) => {
      const { signal } = this.#answering;
      signal.addEventListener("abort", () => { form.remove(); reject(signal.reason); });
      form.onsubmit = (event) => {
        event.preventDefault();
        form.remove();
        resolve(field.value);
      };
    });
  }

  #say(text, parts) {
    const pictures = parts.filter((part) => part.type === "image_url")
      .map((part) => el("img", { src: part.image_url.url, alt: t("ask.picture", { number: this.#reader.number }) }));
    const question = el("div", { class: "turn you" }, el("p", { class: "who" }, t("ask.you")), ...pictures, el("p", { class: "said" }, text));
    $("log").append(question);
    question.scrollIntoView({ block: "end" });
  }

  #result(asked, content) {
    const shown = content.length > 600 ? `${content.slice(0, 600)} …` : content;
    $("log").append(el("details", { class: "call" }, el("summary", {}, t("tools.result"), " ", el("code", {}, asked.function.name)), el("pre", { tabIndex: 0 }, shown)));
  }

  #fail(reason) {
    $("log").append(el("p", { class: "notice", role: "alert" }, t("failed.ask", { reason })));
    $("log").lastChild.scrollIntoView({ block: "end" });
  }
}

/** An answer in the log, drawn at most once a frame. */
class AnswerView {
  #text = el("div", { class: "said prose" });
  #calls = el("div");
  #turn = el("div", { class: "turn it", "aria-busy": "true" }, this.#text, this.#calls);
  #frame = 0;

  constructor() {
    this.#text.append(el("span", { class: "dots", "aria-hidden": "true" }, t("ask.thinking")));
    $("log").append(this.#turn);
    this.#turn.scrollIntoView({ block: "end" });
  }

  show(content, calls) {
    if (this.#frame || !(content || calls.length)) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw(content, calls);
    });
  }

  end(content, calls) {
    cancelAnimationFrame(this.#frame);
    this.#draw(content, calls);
    this.#turn.removeAttribute("aria-busy");
    if (!content && !calls.length) this.#turn.remove();
  }

  #draw(content, calls) {
    const log = $("log");
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    this.#text.replaceChildren(...renderProse(content));
    this.#calls.replaceChildren(...calls.filter(Boolean).map((asked) => el("div", { class: "call" },
      el("p", {}, t("tools.calls", { name: asked.function.name })), el("pre", { tabIndex: 0 }, pretty(asked.function.arguments)))));
    if (atEnd) log.scrollTop = log.scrollHeight;
  }
}

function pretty(json) {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json; // still on its way
  }
}

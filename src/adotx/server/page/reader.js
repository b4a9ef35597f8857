// A document on the screen: the page on one side, its text on the other, each showing where the other is.
// A `ReadDocument` in; nothing out but what is seen. Knows no network.

import { renderBlocks } from "/page/blocks.js";
import { $, announce, el } from "/page/dom.js";
import { t } from "/page/words.js";

const ZOOMS = ["fit", "wide", "150", "200", "300"];

export class Reader {
  #document = null;
  #number = null; // of the page that is shown
  #block = null; // id of the one that is marked
  #boxes = new Map();
  #nodes = new Map();
  #blocks = new Map();
  #zoom = 0;
  #still = 0; // until then scrolling is ours

  constructor() {
    $("previous").onclick = () => this.#turn(-1);
    $("next").onclick = () => this.#turn(1);
    $("larger").onclick = () => this.#enlarge(1);
    $("smaller").onclick = () => this.#enlarge(-1);
    $("next-doubt").onclick = () => this.#nextDoubt();
    $("boxes").onclick = ({ target }) => target.dataset.id && this.#go(target.dataset.id);
    $("text").addEventListener("keydown", (event) => this.#key(event));
    $("text").addEventListener("focusin", ({ target }) => target.dataset.id && this.#mark(target.dataset.id));
    $("text").addEventListener("click", ({ target }) => {
      if (getSelection().isCollapsed) target.closest("[data-id]")?.focus({ preventScroll: true });
    });
    $("text").addEventListener("scroll", () => requestAnimationFrame(() => this.#follow()));
    // Where the page is above the text it is low, and better read a part at a time.
    this.#enlarge(matchMedia("(max-width: 860px)").matches ? 1 : 0);
  }

  /** The page that is looked at; null before one is open. */
  get number() {
    return this.#number;
  }

  /** Show a document from its beginning, with whatever of it is there. */
  show(document) {
    this.#document = document;
    this.#number = null;
    $("picture").hidden = true;
    $("picture").removeAttribute("src");
    this.render();
  }

  /** Everything anew. */
  render() {
    this.#block = null;
    this.#nodes.clear();
    this.#blocks.clear();
    $("text").replaceChildren(el("div", { class: "waiting", "aria-hidden": "true" }, ...Array.from({ length: 7 }, () => el("span"))));
    $("boxes").replaceChildren();
    this.#boxes.clear();
    const document = this.#document;
    if (!document) return;
    document.results.forEach((page) => this.#add(page));
    this.#source();
    this.#doubts();
    this.#showPage(this.#number ?? document.numbers[0], true);
    if (document.end) $("text").querySelector(".waiting")?.remove();
  }

  /** Take in what an event has changed. */
  changed(event) {
    const shown = this.#number ?? this.#document.numbers[0]; // pages are opened in any order
    if (event.type === "page.opened") {
      if (shown === event.number) this.#showPage(shown, true);
    } else if (event.type === "page.completed") {
      this.#add(event.page);
      this.#source();
      this.#doubts();
      if (shown === event.page.number) this.#showPage(shown, true);
    } else if (event.type === "document.completed") {
      this.ended();
    }
  }

  /** Nothing more will come. */
  ended() {
    $("text").querySelector(".waiting")?.remove();
    $("paper").classList.remove("reading");
  }

  // The text

  #add(page) {
    const title = `title-${page.number}`;
    const head = el("header", {}, el("h3", { id: title }, t("page.number", page)));
    if (page.confidence !== null) {
      const percent = Math.floor(page.confidence * 100);
      head.append(el("span", { class: "sure", title: t("page.sure.label") }, t("page.sure", { percent })));
    }
    const section = el("section", { class: "page", "aria-labelledby": title }, head);
    section.dataset.number = page.number;
    const notices = { blank: "page.blank", failed: "page.failed", partial: "page.partial", ok: "page.note" };
    if (page.reason || page.status !== "ok") {
      const kind = page.status === "failed" || page.status === "partial" ? "notice" : "hint";
      section.append(el("p", { class: kind }, t(notices[page.status], page)));
    }
    if (page.blocks.length) {
      const nodes = renderBlocks(page.blocks, {
        shift: 3,
        each: (block, node) => {
          node.classList.add("block");
          node.dataset.id = block.id;
          node.tabIndex = -1;
          this.#nodes.set(block.id, node);
          this.#blocks.set(block.id, { ...block, page: page.number });
        },
      });
      this.#nodes.get(page.blocks[0].id).tabIndex = 0;
      section.append(el("div", { class: "blocks", role: "group", "aria-label": t("page.blocks", page) }, ...nodes));
    }
    const waiting = $("text").querySelector(".waiting");
    if (waiting) waiting.before(section);
    else $("text").append(section);
  }

  #source() {
    $("markdown").textContent = this.#document.markdown;
  }

  #doubts() {
    const count = this.#document.doubtful;
    $("next-doubt").hidden = !count;
    $("next-doubt").textContent = count === 1 ? t("doubt.one") : t("doubt.many", { count });
  }

  #nextDoubt() {
    const marks = [...$("text").querySelectorAll("mark.doubt")];
    if (!marks.length) return;
    const at = marks.findIndex((mark) => mark.classList.contains("now"));
    marks[at]?.classList.remove("now");
    const mark = marks[(at + 1) % marks.length];
    mark.classList.add("now");
    this.#go(mark.closest("[data-id]").dataset.id);
    mark.scrollIntoView({ block: "center" });
  }

  #key(event) {
    const { target, key } = event;
    if (!target.dataset.id || event.altKey || event.ctrlKey || event.metaKey) return;
    const nodes = [...this.#nodes.values()];
    const at = nodes.indexOf(target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: nodes.length - 1 }[key];
    if (key === "Enter") this.#mark(target.dataset.id, true);
    else if (to === undefined) return;
    else nodes[Math.min(Math.max(to, 0), nodes.length - 1)].focus();
    event.preventDefault();
  }

  /** Go to a block in the text; its place is then marked on the page. */
  #go(id) {
    this.#still = performance.now() + 500;
    document.dispatchEvent(new CustomEvent("adotx:text"));
    const node = this.#nodes.get(id);
    node.focus({ preventScroll: true });
    node.scrollIntoView({ block: "nearest" });
    this.#mark(id);
  }

  #mark(id, aloud = false) {
    const block = this.#blocks.get(id);
    this.#nodes.get(this.#block)?.classList.remove("marked");
    this.#boxes.get(this.#block)?.classList.remove("marked");
    this.#block = id;
    for (const node of this.#nodes.get(id).closest(".blocks").querySelectorAll("[data-id]")) node.tabIndex = -1;
    this.#nodes.get(id).tabIndex = 0;
    this.#nodes.get(id).classList.add("marked");
    this.#still = performance.now() + 500;
    this.#showPage(block.page);
    const box = this.#boxes.get(id);
    box?.classList.add("marked");
    box?.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (aloud) announce(block.box ? t("block.shown", { number: block.page }) : t("block.nowhere"));
  }

  /** The page follows the text that is read. */
  #follow() {
    if (performance.now() < this.#still) return;
    const pane = $("text").getBoundingClientRect();
    const sections = [...$("text").querySelectorAll(".page")];
    const seen = sections.findLast((section) => section.getBoundingClientRect().top < pane.top + pane.height / 3);
    if (seen) this.#showPage(Number(seen.dataset.number));
  }

  // The page

  #turn(step) {
    const numbers = this.#document.numbers;
    const number = numbers[numbers.indexOf(this.#number) + step];
    if (number === undefined) return;
    this.#still = performance.now() + 500;
    this.#showPage(number);
    $("text").querySelector(`.page[data-number="${number}"]`)?.scrollIntoView({ block: "start" });
    announce($("where").textContent);
  }

  #showPage(number, again = false) {
    if (number === undefined || (number === this.#number && !again)) return;
    this.#number = number;
    const { numbers, pages } = this.#document;
    const page = pages.get(number);
    const at = numbers.indexOf(number);
    $("where").textContent = numbers.length > 1 ? t("page.of", { number, total: numbers.at(-1) }) : t("page.number", { number });
    $("previous").disabled = at <= 0;
    $("next").disabled = at === numbers.length - 1;
    const picture = $("picture");
    picture.hidden = !page?.image;
    if (page?.image && picture.src !== page.image) picture.src = page.image;
    picture.alt = t("page.picture", { number });
    // A page that was read and had no size is one of a format without pages.
    $("bare").hidden = !page?.result || Boolean(page.width) || page.result.text_source === "pixels";
    if (page?.width) $("paper").style.setProperty("--ratio", String(page.width / page.height));
    $("paper").classList.toggle("reading", Boolean(page) && !page.result && !this.#document.end);
    this.#boxes.clear();
    $("boxes").replaceChildren(...(page?.result?.blocks ?? []).filter((block) => block.box).map((block) => this.#box(block, page)));
    this.#boxes.get(this.#block)?.classList.add("marked");
    document.dispatchEvent(new CustomEvent("adotx:page"));
  }

  #box({ id, box: [x0, y0, x1, y1] }, { width, height }) {
    const node = el("div", { class: "box" });
    node.dataset.id = id;
    const place = { left: x0 / width, top: y0 / height, width: (x1 - x0) / width, height: (y1 - y0) / height };
    for (const [side, share] of Object.entries(place)) node.style[side] = `${100 * share}%`;
    this.#boxes.set(id, node);
    return node;
  }

  #enlarge(step) {
    this.#zoom = Math.min(Math.max(this.#zoom + step, 0), ZOOMS.length - 1);
    $("paper").dataset.zoom = ZOOMS[this.#zoom];
    $("smaller").disabled = this.#zoom === 0;
    $("larger").disabled = this.#zoom === ZOOMS.length - 1;
  }
}

// The page: puts its parts together. What the user drops goes to the reader, what the user asks to the chat.

import { call, key } from "/page/api.js";
import { Chat } from "/page/chat.js";
import { $, announce, ask } from "/page/dom.js";
import { copy, download } from "/page/export.js";
import { Reader } from "/page/reader.js";
import { ReadDocument } from "/page/reading.js";
import { setTab, watchTabs } from "/page/tabs.js";
import { language, sayAll, setLanguage, spoken, t } from "/page/words.js";

const reader = new Reader();
const chat = new Chat(reader);
let model = null; // {id, sees, answers}
let open = null; // {document, reading: AbortController or null, state: [key, values], failure}

// Model

async function askModel() {
  const { data: [card] } = await (await call("/v1/models")).json();
  const tasks = card.tasks ?? ["chat", "transcription"];
  model = { id: card.id, sees: card.tiles !== null, answers: tasks.includes("chat") };
  chat.model = model;
  chat.update();
  say();
}

function say() {
  sayAll();
  $("language").textContent = t("language.other");
  $("language").setAttribute("aria-label", t("language.label"));
  $("language").lang = language() === "ko" ? "en" : "ko";
  $("theme").setAttribute("aria-label", t("theme.label"));
  $("theme").title = t("theme.label");
  document.title = open?.document ? `${open.document.name} – adotx` : "adotx";
  if (model) {
    const able = !model.sees ? "model.text" : model.answers ? "model.answers" : "model.reads";
    $("model").textContent = `${model.id} · ${t(able)}`;
    $("blind").hidden = model.sees;
    $("choose").disabled = !model.sees;
    $("to-chat").hidden = !model.answers;
  }
  if (!open) return;
  $("name").textContent = open.document?.name ?? t("ask.name");
  $("state").textContent = open.state ? t(...open.state) : "";
  $("failure").hidden = !open.failure;
  $("failure").textContent = open.failure ?? "";
}

// Documents

async function read(file, { password, note = null } = {}) {
  open?.reading?.abort();
  const document = new ReadDocument(file);
  const mine = { document, reading: new AbortController(), state: ["read.opening"], failure: note, began: performance.now() };
  open = mine;
  chat.document = document;
  chat.forget();
  show("document");
  reader.show(document);
  say();
  busy(true);
  try {
    await document.read({ pages: $("pages").value.trim(), password, signal: mine.reading.signal, changed });
    const { seconds, page_counts: counts } = document.end;
    const pages = document.results.length;
    const values = { pages, seconds: seconds.toFixed(1), lost: counts.failed + counts.partial };
    mine.state = [values.lost ? "read.lost" : pages === 1 ? "read.one" : "read.done", values];
  } catch (error) {
    if (open !== mine) return;
    if (error.name === "AbortError") {
      mine.state = ["read.stopped"];
    } else if (/^(pdf|hwpx)\.(encrypted|password)$/.test(error.code)) {
      const again = await askPassword(error.code.endsWith(".password"));
      if (again !== null && open === mine) return read(file, { password: again, note });
      mine.state = null;
      mine.failure = error.message;
    } else {
      mine.state = null;
      mine.failure = t("failed.read", { reason: error.message });
    }
  }
  if (open !== mine) return;
  mine.reading = null;
  reader.ended();
  busy(false);
  say();
  if (mine.state) announce(t(...mine.state));
}

function changed(event) {
  const { document, began } = open;
  const total = document.numbers.length;
  const done = document.results.length;
  if (event.type === "document.created") $("progress").max = total;
  if (event.type === "page.completed") $("progress").value = done;
  if (done < total) open.state = ["read.reading", { number: document.numbers[done], total: document.numbers.at(-1) }];
  reader.changed(event);
  say();
  if (done && done < total) {
    const left = Math.ceil((performance.now() - began) / 1000 / done * (total - done));
    $("state").textContent += `, ${t("read.left", { seconds: left })}`;
  }
  $("results").hidden = !done;
}

function askPassword(wrong) {
  $("password-title").textContent = t(wrong ? "password.wrong" : "password.title");
  return ask($("password-dialog"), $("password-input"));
}

function busy(reading) {
  $("progress").hidden = $("stop").hidden = !reading;
  if (reading) $("progress").removeAttribute("value");
  $("results").hidden = reading || !open.document?.results.length;
  $("bar").toggleAttribute("aria-busy", reading);
}

// What is shown: the start, a document, or a conversation alone

function show(view) {
  document.body.dataset.view = view;
  $("start").hidden = view !== "start";
  $("work").hidden = view === "start";
  $("again").hidden = view === "start";
  setTab(view === "chat" ? "ask" : "text");
  if (view !== "start") $("main").focus();
}

function start() {
  open?.reading?.abort();
  open = null;
  chat.document = null;
  chat.forget();
  show("start");
  $("file").value = "";
  say();
  $("choose").focus();
}

function take(files) {
  if (files?.length && (model?.sees ?? true)) read(files[0], { note: files.length > 1 ? t("start.one") : null });
}

$("choose").onclick = () => $("file").click();
$("file").onchange = () => take($("file").files);
$("again").onclick = start;
$("stop").onclick = () => open?.reading?.abort();
$("to-chat").onclick = () => {
  open = { document: null, reading: null, state: null, failure: null };
  chat.document = null;
  chat.forget();
  show("chat");
  busy(false);
  say();
  $("question").focus();
};

addEventListener("paste", ({ clipboardData }) => take(clipboardData?.files));
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  take(event.dataTransfer?.files);
});

// Results

$("copy").onclick = async () => {
  await copy(open.document);
  announce(t("copied"));
  $("copy").textContent = t("copied");
  setTimeout(() => { $("copy").textContent = t("copy"); }, 1500);
};
$("downloads").onclick = ({ target }) => {
  if (!target.dataset.download) return;
  download(open.document, target.dataset.download);
  $("downloads").open = false;
};
addEventListener("click", ({ target }) => {
  if (!$("downloads").contains(target)) $("downloads").open = false;
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !$("downloads").open) return;
  $("downloads").open = false;
  $("downloads").querySelector("summary").focus();
});

// Settings

$("language").onclick = () => setLanguage(language() === "ko" ? "en" : "ko");
$("theme").onclick = () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("adotx.theme", root.dataset.theme); } catch { /* not kept then */ }
};
$("key-button").onclick = () => key.ask();

watchTabs();
show("start");
spoken(say);
spoken(() => reader.render());
askModel().catch((error) => { $("model").textContent = error.message; });

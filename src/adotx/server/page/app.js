// The page: puts its parts together. What the user drops goes to the reader, what the user asks to the chat.

import { call, key } from "/page/api.js";
import { Chat } from "/page/chat.js";
import { $, announce, ask, el } from "/page/dom.js";
import { copy, download } from "/page/export.js";
import { Reader } from "/page/reader.js";
import { ReadDocument } from "/page/reading.js";
import { setTab, watchTabs } from "/page/tabs.js";
import { language, sayAll, setLanguage, spoken, t } from "/page/words.js";

const reader = new Reader();
const chat = new Chat(reader);
let model = null; // {id, sees, answers}
let items = []; // {document, pages, waits, reading: AbortController or null, state: [key, values], failure}
let open = null; // the one that is shown, or a conversation alone, which has no document

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
  items.forEach(({ document, state }, at) => { $("documents").options[at].textContent = `${document.name} – ${t(...state)}`; });
  $("documents-field").hidden = items.length < 2 || !open?.document;
  if (!open) return;
  $("name").textContent = open.document?.name ?? t("ask.name");
  $("state").textContent = open.state ? t(...open.state) : "";
  $("failure").hidden = !open.failure;
  $("failure").textContent = open.failure ?? "";
}

// Documents: those that came, one after the other; one is read at a time, any may be looked at

function take(files) {
  if (!files?.length || !(model?.sees ?? true)) return;
  const pages = $("pages").value.trim();
  const fresh = Array.from(files, (file) => {
    return { document: new ReadDocument(file), pages, waits: true, reading: null, state: ["read.waits"], failure: null };
  });
  items.push(...fresh);
  $("documents").replaceChildren(...items.map((_, at) => el("option", { value: String(at) })));
  view(fresh[0]);
  readOn();
}

/** Show a document, with whatever of it is there. */
function view(item) {
  open = item;
  chat.document = item.document;
  chat.forget();
  show("document");
  $("documents").value = String(items.indexOf(item));
  reader.show(item.document);
  if (item.document.end || !(item.waits || item.reading)) reader.ended();
  busy();
  say();
}

async function readOn() {
  if (items.some((item) => item.reading)) return;
  const next = items.find((item) => item.waits);
  if (!next) return;
  await read(next);
  readOn();
}

async function read(item, password) {
  const { document, pages } = item;
  Object.assign(item, { waits: false, reading: new AbortController(), state: ["read.opening"], began: performance.now() });
  refresh(item);
  let asks = null;
  try {
    await document.read({ pages, password, signal: item.reading.signal, changed: (event) => changed(item, event) });
    const { seconds, page_counts: counts } = document.end;
    const count = document.results.length;
    const values = { pages: count, seconds: seconds.toFixed(1), lost: counts.failed + counts.partial };
    item.state = [values.lost ? "read.lost" : count === 1 ? "read.one" : "read.done", values];
  } catch (error) {
    item.state = error.name === "AbortError" ? ["read.stopped"] : ["read.failed"];
    if (/^(pdf|hwpx)\.(encrypted|password)$/.test(error.code)) asks = error;
    else if (error.name !== "AbortError") item.failure = t("failed.read", { reason: error.message });
  }
  if (!items.includes(item)) return;
  if (asks) {
    if (open !== item) view(item);
    const again = await askPassword(asks.code.endsWith(".password"));
    if (!items.includes(item)) return;
    if (again !== null) return read(item, again);
    item.failure = asks.message;
  }
  item.reading = null;
  refresh(item);
  const told = t(...item.state);
  announce(items.length > 1 ? `${document.name}: ${told}` : told);
}

function refresh(item) {
  if (open === item) {
    busy();
    if (!item.reading) reader.ended();
  }
  say();
}

function changed(item, event) {
  const { document, began } = item;
  const total = document.numbers.length;
  const done = document.results.length;
  if (done < total) item.state = ["read.reading", { number: document.numbers[done], total: document.numbers.at(-1) }];
  if (open !== item) return say();
  reader.changed(event);
  busy();
  say();
  if (done && done < total) {
    const left = Math.ceil((performance.now() - began) / 1000 / done * (total - done));
    $("state").textContent += `, ${t("read.left", { seconds: left })}`;
  }
}

function askPassword(wrong) {
  $("password-title").textContent = t(wrong ? "password.wrong" : "password.title");
  return ask($("password-dialog"), $("password-input"));
}

/** Whether what is shown is being read, how far that is, and what can be done with what there is. */
function busy() {
  const { document, waits, reading } = open;
  $("progress").hidden = $("stop").hidden = !reading;
  $("progress").max = document?.numbers.length || 1;
  if (document?.results.length) $("progress").value = document.results.length;
  else $("progress").removeAttribute("value");
  $("results").hidden = !document?.results.length;
  $("bar").toggleAttribute("aria-busy", Boolean(reading || waits));
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
  forget();
  open = null;
  chat.document = null;
  chat.forget();
  show("start");
  say();
  $("choose").focus();
}

/** Put all documents away. */
function forget() {
  const gone = items;
  items = [];
  for (const item of gone) item.reading?.abort();
  $("documents").replaceChildren();
}

$("choose").onclick = () => $("file").click();
$("file").onchange = () => {
  take($("file").files);
  $("file").value = ""; // so that the same file may be chosen again
};
$("again").onclick = start;
$("documents").onchange = () => view(items[Number($("documents").value)]);
$("stop").onclick = () => open?.reading?.abort();
$("to-chat").onclick = () => {
  open = { document: null, reading: null, state: null, failure: null };
  chat.document = null;
  chat.forget();
  show("chat");
  busy();
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

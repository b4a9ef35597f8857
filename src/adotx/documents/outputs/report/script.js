"use strict";
(() => {
  const root = document.documentElement;
  const words = JSON.parse(document.getElementById("words").textContent);
  const main = document.querySelector("main"), list = document.querySelector("nav ol");
  const pages = [...main.querySelectorAll(".page")];
  const links = new Map([...list.querySelectorAll("a")].map((a) => [a.hash.slice(1), a]));
  const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const store = (name, value) => { try { localStorage.setItem(name, value); } catch { /* a file may have no storage */ } };

  function speak(language) {
    root.lang = language;
    for (const node of document.querySelectorAll("[data-t]")) node.textContent = words[node.dataset.t][language];
    for (const node of document.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", words[node.dataset.tLabel][language]);
    document.title = words.title[language];
  }
  const chosen = stored("adotx.language") ?? root.dataset.language ?? (navigator.language ?? "en").slice(0, 2);
  speak(chosen === "ko" ? "ko" : "en");
  const theme = stored("adotx.theme");
  if (theme) root.dataset.theme = theme;

  document.getElementById("language").addEventListener("click", () => {
    speak(root.lang === "ko" ? "en" : "ko");
    store("adotx.language", root.lang);
  });
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    store("adotx.theme", root.dataset.theme);
  });

  const order = document.getElementById("order"), only = document.getElementById("only");
  function arrange() {
    const key = order.value;
    const sorted = [...pages].sort((a, b) => Number(a.dataset[key]) - Number(b.dataset[key]));
    main.append(...sorted);
    list.append(...sorted.map((page) => links.get(page.id).parentElement));
    for (const page of pages) {
      const hide = only.checked && !("check" in page.dataset);
      page.hidden = hide;
      links.get(page.id).parentElement.hidden = hide;
    }
  }
  order.addEventListener("change", arrange);
  only.addEventListener("change", arrange);

  const shown = () => [...main.querySelectorAll(".page:not([hidden])")];
  let current = null;
  function go(page, scroll = true) {
    if (!page) return;
    links.get(current?.id)?.removeAttribute("aria-current");
    current = page;
    const link = links.get(page.id);
    link.setAttribute("aria-current", "true");
    link.scrollIntoView({ block: "nearest" });
    if (scroll) { page.scrollIntoView({ block: "start" }); page.focus({ preventScroll: true }); }
  }
  function step(by) {
    const all = shown();
    const at = all.indexOf(current);
    go(all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)]);
  }
  list.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    event.preventDefault();
    go(document.getElementById(link.hash.slice(1)));
  });

  const marks = () => shown().flatMap((page) => [...page.querySelectorAll("mark")]);
  let marked = null;
  function point(mark, scroll = true) {
    if (!mark) return;
    for (const node of document.querySelectorAll(".now")) node.classList.remove("now");
    marked = mark;
    mark.classList.add("now");
    const page = mark.closest(".page");
    go(page, false);
    const same = [...page.querySelectorAll("mark")].filter((each) => each.textContent === mark.textContent);
    const boxes = [...page.querySelectorAll("polygon[data-said]")].filter((each) => each.dataset.said.split("|").includes(mark.textContent));
    (boxes[same.indexOf(mark)] ?? boxes[0])?.classList.add("now");
    if (scroll) mark.scrollIntoView({ block: "center" });
  }
  function walk(by) {
    const all = marks();
    if (!all.length) return;
    const at = all.indexOf(marked);
    point(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length]);
  }
  document.getElementById("next").addEventListener("click", () => walk(1));
  document.getElementById("before").addEventListener("click", () => walk(-1));

  main.addEventListener("click", (event) => {
    const mark = event.target.closest("mark");
    if (mark) { point(mark, false); return; }
    const block = event.target.closest(".text [id]");
    if (!block) return;
    const page = block.closest(".page");
    for (const node of document.querySelectorAll(".now, .chosen")) node.classList.remove("now", "chosen");
    block.classList.add("chosen");
    page.querySelector(`polygon[data-block="${block.id}"]`)?.classList.add("now");
    go(page, false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input")) return;
    const does = { j: () => step(1), k: () => step(-1), n: () => walk(1), p: () => walk(-1) }[event.key];
    if (does) { event.preventDefault(); does(); }
  });
})();

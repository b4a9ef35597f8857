// The views of the text: one is shown at a time.

import { $ } from "/page/dom.js";

const TABS = ["text", "source", "ask"];

/** Show a view. */
export function setTab(name) {
  document.body.dataset.tab = name;
  for (const tab of TABS) {
    $(`tab-${tab}`).setAttribute("aria-selected", String(tab === name));
    $(`tab-${tab}`).tabIndex = tab === name ? 0 : -1;
    $(tab).hidden = tab !== name;
  }
}

/** Let them be chosen, by arrow keys too. */
export function watchTabs() {
  for (const tab of TABS) $(`tab-${tab}`).onclick = () => setTab(tab);
  $("tab-text").parentElement.addEventListener("keydown", ({ key, target }) => {
    const at = TABS.findIndex((tab) => target.id === `tab-${tab}`);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[key];
    if (to === undefined) return;
    const next = TABS[(to + TABS.length) % TABS.length];
    setTab(next);
    $(`tab-${next}`).focus();
  });
  // Something in the text is to be seen.
  document.addEventListener("adotx:text", () => setTab("text"));
}

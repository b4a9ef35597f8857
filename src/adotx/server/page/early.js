// Before anything is drawn: the language and colours that were chosen, so that neither changes before one's eyes.
(() => {
  const root = document.documentElement;
  const stored = (name) => {
    try { return localStorage.getItem(name); } catch { return null; }
  };
  const theme = stored("adotx.theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  const language = stored("adotx.language") ?? (navigator.languages ?? [navigator.language])[0] ?? "en";
  root.lang = language.toLowerCase().startsWith("ko") ? "ko" : "en";
})();

// Small helpers to build the page. Text from models and documents becomes text nodes, never markup.

export const $ = (id) => document.getElementById(id);

/** An element with properties and children; strings become text. */
export function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") element.className = value;
    else if (key.includes("-") || key === "role") element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Say something to those who listen to the page. */
export function announce(text) {
  $("status").textContent = text;
}

/** What a dialog was closed with: the field's value, or null where it was cancelled. */
export function ask(dialog, field) {
  return new Promise((resolve) => {
    field.value = "";
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "ok" && field.value ? field.value : null;
      field.value = "";
      resolve(given);
    }, { once: true });
    dialog.showModal();
    field.focus();
  });
}

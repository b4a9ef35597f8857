// The server's API: what the page asks in, answers and events out; asks for the key where one is wanted.

import { $, ask } from "/page/dom.js";
import { language, t } from "/page/words.js";

const KEY = "adotx.key";

/** What the server, or the way to it, said. `code` is the server's, "" where it did not answer. */
export class ApiError extends Error {
  constructor(message, code = "", status = 0) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export const key = {
  get: () => { try { return sessionStorage.getItem(KEY) ?? ""; } catch { return ""; } },
  set: (value) => { try { sessionStorage.setItem(KEY, value); } catch { /* asked for again then */ } },
  /** Ask the user; false where none was given. */
  async ask() {
    const given = await ask($("key-dialog"), $("key-input"));
    if (given === null) return false;
    key.set(given);
    return true;
  },
};

/** A response that is not an error. */
export async function call(path, { body, signal } = {}) {
  for (;;) {
    const headers = { "accept-language": language() };
    // A header holds bytes; a key may hold any letters.
    if (key.get()) headers.authorization = `Bearer ${String.fromCharCode(...new TextEncoder().encode(key.get()))}`;
    const isForm = body instanceof FormData;
    if (body && !isForm) headers["content-type"] = "application/json";
    let response;
    try {
      response = await fetch(path, {
        method: body ? "POST" : "GET",
        body: body && !isForm ? JSON.stringify(body) : body,
        headers,
        signal,
        credentials: "omit",
        cache: "no-store",
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError(t("offline"));
    }
    if (response.ok) return response;
    if (response.status === 401) {
      $("key-button").hidden = false;
      if (await key.ask()) continue;
    }
    throw failure(await response.json().catch(() => ({})), response.status);
  }
}

function failure(body, status) {
  const error = body.error ?? {};
  return new ApiError(error.message ?? `HTTP ${status}`, error.code ?? "", status);
}

/** The events of a streamed answer, as values; an event that tells an error is raised. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (held + value).split("\n");
      held = lines.pop();
      for (const line of lines) {
        // Of each event only the data is needed: its values say what it is. Comments keep the line open.
        if (!line.startsWith("data:")) continue;
        const data = line.slice(5).trim();
        if (data === "[DONE]") return;
        const values = JSON.parse(data);
        if (values.error) throw failure(values, response.status);
        yield values;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

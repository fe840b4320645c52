// The answer to the client while it is written: read as text, reasoning and calls, or raw.

import { bytes, el } from "./words.js";
import { json } from "./tree.js";

const RAW_LIMIT = 500000; // characters of a raw stream that stay on the page

export class Stream {
  constructor(panel) {
    this.panel = panel;
    this.buffer = "";
    this.deltas = 0;
    this.blocks = new Map(); // output item -> the <pre> of its text
    this.raw = document.createTextNode("");
    this.read = el("div", {});
    this.rawBox = el("pre", { class: "raw", hidden: true }, this.raw);
    this.size = 0;
    this.said = el("p", { class: "note" }, "Nothing has been written yet.");
    const pick = (raw) => {
      this.rawBox.hidden = !raw;
      this.read.hidden = raw;
      buttons.forEach((button, n) => button.setAttribute("aria-pressed", n === Number(raw)));
    };
    const buttons = [el("button", { onclick: () => pick(false) }, "Read"), el("button", { onclick: () => pick(true) }, "Raw")];
    pick(false);
    const bar = el("div", { class: "above" }, this.said, el("p", { class: "switch" }, ...buttons));
    panel.replaceChildren(bar, this.read, this.rawBox);
  }

  // Take a piece; `live`: more may follow.
  take({ missing, text }, live) {
    const { panel } = this;
    const atEnd = panel.scrollHeight - panel.scrollTop - panel.clientHeight < 60;
    this.size += missing + new Blob([text]).size;
    this.said.textContent = `${bytes(this.size)} to the client.`;
    if (missing) {
      this.buffer = "";
      this.note(`… ${bytes(missing)} in between are not kept …`);
    }
    const raw = this.raw.data + text;
    this.raw.data = raw.length > RAW_LIMIT ? raw.slice(raw.length - RAW_LIMIT) : raw;
    const parts = (this.buffer + text).split("\n\n");
    this.buffer = parts.pop();
    for (const part of parts) this.event(part);
    if (atEnd && live) panel.scrollTop = panel.scrollHeight;
  }

  // Show what has no end of its own: an answer that is no stream.
  end() {
    if (!this.buffer.trim()) return;
    const rest = this.buffer;
    this.buffer = "";
    if (rest.startsWith("{")) this.read.append(json(rest));
    else this.event(rest);
  }

  event(text) {
    const data = text.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
    if (!data || data.trim() === "[DONE]") return;
    try {
      this.told(JSON.parse(data));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.note(data);
    }
  }

  told(event) {
    const type = event.type || "";
    if (type.endsWith(".delta")) this.deltas += 1;
    const item = event.item_id || event.item?.id || event.output_index || 0;
    if (type.includes("reasoning") && type.endsWith(".delta")) this.append("reasoning", item, "Reasoning", event.delta);
    else if (type === "response.output_text.delta" || type === "response.refusal.delta") this.append("text", item, "Text", event.delta);
    else if (type.endsWith("_call_arguments.delta") || type.endsWith("_call_input.delta")) this.append("call", item, "Call", event.delta);
    else if (type === "response.output_item.added") this.added(item, event.item || {});
    else if (type === "response.output_item.done") this.done(item, event.item || {});
    else if (type === "response.failed" || type === "response.incomplete") this.failed(event.response || {});
    else if (type === "error") this.failed({ error: event.error || event });
    else for (const choice of event.choices || []) this.chat(choice);
  }

  chat({ index, delta = {} }) {
    const thought = delta.reasoning_content || delta.reasoning;
    if (thought) this.append("reasoning", `r${index}`, "Reasoning", thought);
    if (delta.content) this.append("text", `t${index}`, "Text", delta.content);
    for (const call of delta.tool_calls || []) {
      const name = call.function?.name;
      this.append("call", `c${index}.${call.index}`, name ? `Call of ${name}` : "Call", call.function?.arguments || "");
    }
  }

  added(item, { type = "", name }) {
    if (type.endsWith("_call")) this.append("call", item, name ? `Call of ${name}` : type, "");
  }

  done(item, whole) {
    const { type = "", name } = whole;
    if (!type.endsWith("_call")) return;
    const said = whole.arguments ?? whole.input;
    const pre = this.append("call", item, name ? `Call of ${name}` : type, "");
    if (typeof said === "string") pre.textContent = said;
  }

  failed({ error, incomplete_details: cut }) {
    const text = error ? error.message || error.code || "failed" : `incomplete: ${cut?.reason || "no reason given"}`;
    this.append("error", "error", "The end", String(text));
  }

  append(kind, item, title, text) {
    const key = `${kind} ${item}`;
    let pre = this.blocks.get(key);
    if (!pre) {
      pre = el("pre", {});
      this.blocks.set(key, pre);
      this.read.append(el("div", { class: "block " + kind }, el("h4", {}, title), pre));
    }
    pre.append(String(text ?? ""));
    return pre;
  }

  note(text) {
    this.read.append(el("p", { class: "note" }, text));
  }
}

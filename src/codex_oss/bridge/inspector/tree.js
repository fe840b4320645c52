// JSON as a tree that opens, filled when it does.

import { el, number } from "./words.js";

const LONG = 160; // strings beyond this get a line of their own
const OPEN = 1500; // and beyond this they are closed at first

export function json(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return el("pre", { class: "raw" }, text);
  }
  return el("div", { class: "json" }, tree(null, value, 0));
}

function tree(key, value, depth) {
  const name = key == null ? "" : el("span", { class: "k" }, key);
  const colon = key == null ? "" : ": ";
  if (value === null || typeof value !== "object") return leaf(name, colon, value);
  const list = Array.isArray(value);
  const entries = Object.entries(value);
  const hint = list ? `[${entries.length}]` : peek(value, entries.length);
  const inside = el("div", {});
  const fill = () => {
    if (!inside.childNodes.length) inside.append(...entries.map(([k, v]) => tree(k, v, depth + 1)));
  };
  const node = el("details", { ontoggle: () => node.open && fill() },
    el("summary", {}, name, colon, el("span", { class: "m" }, hint)), inside);
  if (depth === 0 || (depth === 1 && entries.length <= 12) || (depth === 2 && entries.length <= 4)) {
    fill();
    node.open = true;
  }
  return node;
}

function peek(value, count) {
  const said = ["role", "type", "name"].filter((k) => typeof value[k] === "string").map((k) => value[k]);
  if (typeof value.function?.name === "string") said.push(value.function.name);
  return said.length ? `{${said.join(" · ")}}` : `{${count}}`;
}

function leaf(name, colon, value) {
  if (typeof value !== "string") {
    return el("div", { class: "leaf" }, name, colon, el("span", { class: "v" }, String(value)));
  }
  if (value.length <= LONG && !value.includes("\n")) {
    return el("div", { class: "leaf" }, name, colon, el("span", { class: "s" }, JSON.stringify(value)));
  }
  const lines = value.split("\n").length;
  const node = el("details", {},
    el("summary", {}, name, colon, el("span", { class: "m" }, `text, ${number(value.length)} characters${lines > 1 ? `, ${number(lines)} lines` : ""}`)),
    el("div", { class: "s" }, value));
  node.open = value.length < OPEN;
  return node;
}

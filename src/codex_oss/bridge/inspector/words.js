// What all parts of the page share: nodes, numbers and words.
//
// What the page shows was written by models and clients, and may be hostile: all of it
// enters the document as text, through `el`, never as markup.

export const ROOT = "/__inspect";
const STATES = { completed: "done", incomplete: "cut short", gone: "client left" };

export const $ = (id) => document.getElementById(id);

export function el(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props || {})) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, String(value));
  }
  node.append(...children.filter((child) => child != null).map((c) => (c instanceof Node ? c : String(c))));
  return node;
}

export const number = (n) => n.toLocaleString("en-US");
export const short = (n) => (n < 10000 ? number(n) : n < 1e6 ? (n / 1e3).toFixed(1) + "k" : (n / 1e6).toFixed(2) + "M");
export const share = (part, whole) => (whole ? (100 * part) / whole : 0);
export function percent(part, whole) {
  const value = share(part, whole);
  return (value > 99 && value < 100 ? Math.min(99.9, value).toFixed(1) : value.toFixed(0)) + " %";
}
export function seconds(s) {
  if (s == null) return "–";
  if (s < 0.001) return "< 1 ms";
  if (s < 0.0995) return (s * 1000).toFixed(s < 0.01 ? 1 : 0) + " ms";
  if (s < 100) return s.toFixed(s < 10 ? 2 : 1) + " s";
  return Math.floor(s / 60) + " min " + Math.round(s % 60) + " s";
}
export function bytes(n) {
  return n < 1000 ? n + " B" : n < 1e6 ? (n / 1e3).toFixed(1) + " KB" : (n / 1e6).toFixed(1) + " MB";
}
export const clock = (at) => new Date(at * 1000).toLocaleTimeString("en-GB");
export const isLive = (row) => row.state === "waiting" || row.state === "streaming";
export const word = (state) => STATES[state] || state;
// A row's state in words: while the server reads the prompt, how far it is.
export const said = (row) => (row.reading == null ? word(row.state) : "reading " + percent(row.reading, 1));
export const pill = (row) => el("span", { class: "pill " + row.state }, said(row));

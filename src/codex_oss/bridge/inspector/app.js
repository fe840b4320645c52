// The inspector's page. What it shows was written by models and clients, and may be
// hostile: all of it enters the document as text, through `el`, never as markup.
"use strict";

const ROOT = "/__inspect";
const RAW_LIMIT = 500000; // characters of a raw stream that stay on the page
const LONG = 160; // strings beyond this get a line of their own
const STATES = { completed: "done", incomplete: "cut short", gone: "client left" };
const KINDS = {
  name: "Name", arguments: "Arguments", text: "Call found in text", tool: "Tool played by another one",
};
const TABS = [
  ["came", "What came"], ["sent", "What was sent"], ["mended", "Mended"],
  ["stream", "The stream"], ["errors", "Errors"],
];

const $ = (id) => document.getElementById(id);
const rows = new Map(); // id -> {row, tr, heard}
let selected = null; // id
let tab = "stream";
let events = null;
let detail = null;
let loading = false;
let stale = false;
let stream = null;

// --- words and numbers --------------------------------------------------------------

function el(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props || {})) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, String(value));
  }
  node.append(...children.filter((child) => child != null).map((c) => (c instanceof Node ? c : String(c))));
  return node;
}

const number = (n) => n.toLocaleString("en-US");
const short = (n) => (n < 10000 ? number(n) : n < 1e6 ? (n / 1e3).toFixed(1) + "k" : (n / 1e6).toFixed(2) + "M");
const share = (part, whole) => (whole ? (100 * part) / whole : 0);
function percent(part, whole) {
  const value = share(part, whole);
  return (value > 99 && value < 100 ? Math.min(99.9, value).toFixed(1) : value.toFixed(0)) + " %";
}
function seconds(s) {
  if (s == null) return "–";
  if (s < 0.001) return "< 1 ms";
  if (s < 0.0995) return (s * 1000).toFixed(s < 0.01 ? 1 : 0) + " ms";
  if (s < 100) return s.toFixed(s < 10 ? 2 : 1) + " s";
  return Math.floor(s / 60) + " min " + Math.round(s % 60) + " s";
}
function bytes(n) {
  return n < 1000 ? n + " B" : n < 1e6 ? (n / 1e3).toFixed(1) + " KB" : (n / 1e6).toFixed(1) + " MB";
}
const clock = (at) => new Date(at * 1000).toLocaleTimeString("en-GB");
const isLive = (row) => row.state === "waiting" || row.state === "streaming";
const took = (known) =>
  known.row.duration_s + (isLive(known.row) ? (performance.now() - known.heard) / 1000 : 0);
const word = (state) => STATES[state] || state;
const pill = (state) => el("span", { class: "pill " + state }, word(state));

// --- the list -----------------------------------------------------------------------

function draw(known) {
  const { row, tr } = known;
  const first = row.first_s == null ? "–" : seconds(row.first_s);
  const cached = row.cached_tokens ? percent(row.cached_tokens, row.input_tokens) : "–";
  const saved = row.saved_tokens ? "−" + short(row.saved_tokens) : "–";
  const cell = (a, b, kind) =>
    el("td", { class: "n" }, el("b", {}, a), el("span", { class: kind }, b));
  known.took = el("span", {}, seconds(took(known)));
  tr.replaceChildren(
    el("td", {},
      el("b", { title: row.model, class: "dot " + row.state }, row.model || row.route),
      el("span", {}, row.state === "completed" ? null : el("em", { class: row.state }, word(row.state) + " "),
        `${clock(row.at)} · ${row.client}`)),
    cell(row.input_tokens ? short(row.input_tokens) : "–", cached),
    cell(row.output_tokens ? short(row.output_tokens) : "–", saved, row.saved_tokens ? "saved" : ""),
    el("td", { class: "n" }, el("b", {}, first), known.took),
    el("td", { class: "n" },
      row.mends ? el("span", { class: "badge", title: "mended" }, row.mends) : null,
      row.troubles ? el("span", { class: "badge bad", title: "went wrong" }, row.troubles) : null),
  );
  tr.setAttribute("aria-label", `${row.model}, ${row.client}, ${word(row.state)}`);
}

function add(row) {
  const tr = el("tr", {
    "data-id": row.id, tabindex: -1, "aria-selected": false,
    onclick: () => choose(row.id, true),
  });
  const known = { row, tr, heard: performance.now() };
  rows.set(row.id, known);
  $("rows").prepend(tr);
  return known;
}

function news({ rows: changed, removed }) {
  let newest = null;
  for (const row of changed) {
    let known = rows.get(row.id);
    if (!known) {
      known = add(row);
      newest = row.id;
    }
    Object.assign(known, { row, heard: performance.now() });
    draw(known);
    show(known);
    if (row.id === selected) refresh();
  }
  for (const id of removed) {
    rows.get(id)?.tr.remove();
    rows.delete(id);
  }
  $("empty").hidden = rows.size > 0;
  if (newest != null && $("follow").checked) choose(newest, false);
  totals();
}

function show(known) {
  const words = $("filter").value.toLowerCase().split(/\s+/);
  const { model, client, state, route, status } = known.row;
  const text = `${model} ${client} ${state} ${word(state)} ${route} ${status}`.toLowerCase();
  known.tr.hidden = !words.every((word) => text.includes(word));
}

function totals() {
  const all = [...rows.values()].map((known) => known.row);
  const sum = (key) => all.reduce((total, row) => total + row[key], 0);
  const firsts = all.map((row) => row.first_s).filter((s) => s != null).sort((a, b) => a - b);
  const running = all.filter(isLive).length;
  const [input, saved] = [sum("input_tokens"), sum("saved_tokens")];
  const figure = (name, value, good) =>
    el("div", { class: good ? "good" : "" }, el("dt", {}, name), el("dd", {}, value));
  $("totals").replaceChildren(
    figure(running ? `requests, ${running} running` : "requests", number(all.length)),
    figure("tokens read", short(input)),
    figure("tokens saved", short(saved), saved > 0),
    figure("cache hit", input ? percent(sum("cached_tokens"), input) : "–"),
    figure("first token, median", firsts.length ? seconds(firsts[firsts.length >> 1]) : "–"),
    figure("calls mended", number(sum("mends"))),
  );
}

function choose(id, byHand) {
  if (byHand && id !== [...rows.keys()].pop()) $("follow").checked = false;
  if (id === selected) return;
  const before = rows.get(selected);
  before?.tr.setAttribute("aria-selected", "false");
  before?.tr.setAttribute("tabindex", "-1");
  selected = id;
  const { tr } = rows.get(id);
  tr.setAttribute("aria-selected", "true");
  tr.setAttribute("tabindex", "0");
  tr.scrollIntoView({ block: "nearest" });
  if (byHand) tr.focus({ preventScroll: true });
  detail = null;
  stream = new Stream();
  for (const [name] of TABS) drawn[name] = null;
  connect();
  refresh();
}

function move(step) {
  const visible = [...$("rows").children].filter((tr) => !tr.hidden);
  const at = visible.findIndex((tr) => Number(tr.dataset.id) === selected);
  const next = visible[Math.max(0, Math.min(visible.length - 1, at + step))];
  if (next) choose(Number(next.dataset.id), true);
}

// --- one request --------------------------------------------------------------------

async function refresh() {
  if (loading) {
    stale = true;
    return;
  }
  loading = true;
  const id = selected;
  try {
    const answer = await fetch(`${ROOT}/entry/${id}`, { credentials: "same-origin" });
    if (answer.ok && id === selected) {
      detail = await answer.json();
      drawDetail();
    }
  } catch {
    // The bridge is away; the event stream tells, and comes back by itself.
  } finally {
    loading = false;
    if (stale || id !== selected) {
      stale = false;
      refresh();
    }
  }
}

const drawn = {}; // per tab: what its panel was drawn from

function drawDetail() {
  if (!detail || detail.row.id !== selected) return;
  $("detail").hidden = false;
  $("none").hidden = true;
  const { row } = detail;
  $("head").replaceChildren(
    el("h2", {}, row.model || row.route), pill(row.state),
    el("p", {}, `#${row.id} · ${row.client} · ${row.route} · ${clock(row.at)}` + (row.status ? ` · HTTP ${row.status}` : "")),
  );
  drawCards();
  const mends = detail.notes.filter((n) => n.fact.type === "Mended").length;
  $("tab-mended").replaceChildren("Mended", mends ? el("span", { class: "badge" }, mends) : "");
  $("tab-errors").replaceChildren("Errors", row.troubles ? el("span", { class: "badge bad" }, row.troubles) : "");
  redraw("came", detail.came, drawCame);
  redraw("sent", JSON.stringify(detail.sent), drawSent);
  redraw("mended", JSON.stringify(detail.notes), drawMended);
  redraw("errors", JSON.stringify([detail.notes, detail.error, row.state]), drawErrors);
  $("panel-stream").classList.toggle("live", isLive(row));
  stream.end(!isLive(row));
}

function redraw(name, from, draws) {
  if (drawn[name] === from) return;
  drawn[name] = from;
  $(`panel-${name}`).replaceChildren(...draws());
}

function card(name, value, unit, meters, text, good) {
  const bar = meters && el("div", { class: "meter" }, ...meters.map(([width, kind]) => {
    const part = el("i", { class: kind });
    part.style.width = Math.max(0, Math.min(100, width)) + "%";
    return part;
  }));
  return el("div", { class: "card" + (good ? " good" : "") },
    el("h3", {}, name), el("strong", {}, value, unit ? el("small", {}, unit) : null), bar, el("p", {}, text));
}

function drawCards() {
  const { row, reuse, tokens_before: before, tokens_after: after } = detail;
  const diet = before != null && before > after;
  const saved = diet
    ? card("Tokens saved", number(before - after), percent(before - after, before), [[share(after, before)]],
      `${number(before)} → ${number(after)} tokens, an estimate`, true)
    : card("Prompt", row.input_tokens ? number(row.input_tokens) : "–", "tokens", [[row.input_tokens ? 100 : 0]],
      "sent as it came, nothing was left out");
  const cache = card("Cache hit", row.input_tokens ? percent(row.cached_tokens, row.input_tokens) : "–", "",
    [[share(row.cached_tokens, row.input_tokens)]],
    row.input_tokens ? `${number(row.cached_tokens)} of ${number(row.input_tokens)} tokens, says the server` : "the server has not said");
  const prefix = reuse
    ? card("Prefix kept", percent(reuse.common, reuse.before), "", [[share(reuse.common, reuse.before)]],
      `of #${reuse.entry}'s prompt; that is ${percent(reuse.common, reuse.now)} of this one`)
    : card("Prefix kept", "–", "", [[0]], "no earlier prompt to compare with");
  const total = row.duration_s;
  const rate = detail.deltas_per_s ? `, ${detail.deltas_exact ? "" : "≈ "}${number(Math.round(detail.deltas_per_s))} deltas/s` : "";
  const first = row.first_s == null
    ? card("First token", isLive(row) ? "waiting" : "–", "", [[isLive(row) ? 100 : 0, "wait"]], `${isLive(row) ? "for" : "took"} ${seconds(total)}`)
    : card("First token", seconds(row.first_s), "", [[share(row.first_s, total), "wait"], [100 - share(row.first_s, total)]],
      `${isLive(row) ? "so far" : "took"} ${seconds(total)}${rate}`);
  $("cards").replaceChildren(saved, cache, prefix, first);
}

function drawCame() {
  const size = detail.came_bytes;
  const gone = !detail.came && size ? " The body is not kept any more." : "";
  return [el("p", { class: "note" }, `${bytes(size)} from ${detail.row.client}.${gone}`), json(detail.came)];
}

function drawSent() {
  const { sent } = detail;
  if (!sent.length) return [el("p", { class: "note" }, "Nothing was sent to the model's server.")];
  const body = el("div", {});
  const pick = (at) => {
    body.replaceChildren(el("p", { class: "note" },
      `${bytes(sent[at].size)} to ${sent[at].url}, ${seconds(sent[at].at)} after the request came.`), json(sent[at].body));
    buttons.forEach((button, n) => button.setAttribute("aria-pressed", n === at));
  };
  const buttons = sent.map((_, n) => el("button", { onclick: () => pick(n) }, n + 1));
  pick(sent.length - 1);
  const several = sent.length > 1 ? el("p", { class: "note" }, `Sent ${sent.length} times: `, ...buttons) : null;
  return several ? [several, body] : [body];
}

function step(kind, title, at, text, ...more) {
  return el("div", { class: "step " + kind },
    el("h4", {}, title, at == null ? null : el("time", {}, "after " + seconds(at))), text ? el("p", {}, text) : null, ...more);
}

function drawMended() {
  const mended = detail.notes.filter((note) => note.fact.type === "Mended");
  if (!mended.length) return [el("p", { class: "note" }, "Nothing had to be mended.")];
  return mended.map(({ at, fact }) => step("", KINDS[fact.what] || fact.what, at, "",
    el("div", { class: "two" }, el("pre", { "data-is": "was" }, fact.was), el("pre", { "data-is": "now" }, fact.now))));
}

function drawErrors() {
  const found = [];
  for (const { at, fact } of detail.notes) {
    if (fact.type === "Retried") found.push(step("warn", "Sent once more", at, `${fact.reason}\nafter a pause of ${seconds(fact.delay_s)}`));
    if (fact.type === "AskedAgain") found.push(step("warn", "The model was asked again", at, fact.reason));
    if (fact.type === "Truncated") {
      found.push(step("bad", "The server dropped a part of the prompt", at,
        `It read ${number(fact.tokens_read)} tokens; the prompt has at least ${number(fact.tokens_sent)}.`));
    }
  }
  if (detail.error) found.push(step("bad", "The answer to the client", null, detail.error));
  if (detail.row.state === "gone") found.push(step("warn", "The client left before the end", null, ""));
  return found.length ? found : [el("p", { class: "note" }, "Nothing went wrong.")];
}

// --- JSON as a tree -----------------------------------------------------------------

function json(text) {
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
  node.open = value.length < 1500;
  return node;
}

// --- the stream ---------------------------------------------------------------------

class Stream {
  constructor() {
    this.buffer = "";
    this.blocks = new Map(); // output item -> the <pre> of its text
    this.whole = ""; // an answer that is no stream
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
    $("panel-stream").replaceChildren(bar, this.read, this.rawBox);
  }

  take({ missing, text }) {
    const panel = $("panel-stream");
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
    if (atEnd && isLive(rows.get(selected)?.row || {})) panel.scrollTop = panel.scrollHeight;
  }

  end(ended) {
    if (!ended || !this.buffer.trim()) return;
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

// --- the wire, tabs and keys --------------------------------------------------------

function connect() {
  events?.close();
  events = new EventSource(ROOT + "/events" + (selected == null ? "" : `?entry=${selected}`));
  const told = new Set();
  events.onopen = () => {
    $("link").classList.add("live");
    $("link").lastChild.textContent = "live";
    told.clear();
    if (selected != null) stream = new Stream();
  };
  events.onerror = () => {
    $("link").classList.remove("live");
    $("link").lastChild.textContent = "the bridge is away, trying again";
  };
  events.addEventListener("news", (event) => {
    const changed = JSON.parse(event.data);
    if (!told.size) forget(changed); // the first news of a connection tell of all
    told.add(1);
    news(changed);
  });
  events.addEventListener("stream", (event) => {
    const piece = JSON.parse(event.data);
    if (piece.entry === selected) stream.take(piece);
    if (detail?.row.id === selected) stream.end(!isLive(detail.row));
  });
}

function forget({ rows: all }) {
  // After the bridge was restarted, its numbers begin anew.
  const kept = new Map(all.map((row) => [row.id, row.at]));
  for (const [id, known] of rows) {
    if (kept.get(id) === known.row.at) continue;
    known.tr.remove();
    rows.delete(id);
  }
  if (selected != null && !rows.has(selected)) {
    selected = null;
    $("detail").hidden = true;
    $("none").hidden = false;
  }
}

function open(name, focus) {
  tab = name;
  for (const [each] of TABS) {
    const button = $(`tab-${each}`);
    button.setAttribute("aria-selected", each === name);
    button.tabIndex = each === name ? 0 : -1;
    $(`panel-${each}`).hidden = each !== name;
  }
  if (focus) $(`tab-${name}`).focus();
}

function build() {
  for (const [name, title] of TABS) {
    $("tabs").append(el("button", {
      role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, onclick: () => open(name, false),
    }, title));
    $("panels").append(el("div", { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}`, tabindex: 0 }));
  }
  $("tabs").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const at = TABS.findIndex(([name]) => name === tab);
    open(TABS[(at + step + TABS.length) % TABS.length][0], true);
  });
  $("filter").addEventListener("input", () => rows.forEach(show));
  $("base").append(`${location.origin}/v1`);
  document.addEventListener("keydown", keys);
  setInterval(() => {
    for (const known of rows.values()) {
      if (isLive(known.row)) known.took.textContent = seconds(took(known));
    }
  }, 200);
  open(tab, false);
  totals();
  connect();
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === $("filter")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const inPanel = event.target.closest?.("[role=tabpanel]");
  if (event.key === "j" || (event.key === "ArrowDown" && !inPanel)) move(1);
  else if (event.key === "k" || (event.key === "ArrowUp" && !inPanel)) move(-1);
  else if (event.key === "/") $("filter").focus();
  else if (event.key === "f") $("follow").click();
  else if (TABS[event.key - 1] && selected != null) open(TABS[event.key - 1][0], true);
  else return;
  event.preventDefault();
}

build();

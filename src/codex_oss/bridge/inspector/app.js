// The inspector's page: which request is selected, what the bridge tells, keys and tabs.

import { drawDetail, forgetDetail } from "./detail.js";
import { put, remove, rows, show, tick, totals } from "./list.js";
import { Stream } from "./stream.js";
import { $, ROOT, el, isLive } from "./words.js";

const TABS = [
  ["came", "What came"], ["sent", "What was sent"], ["mended", "Mended"],
  ["stream", "The stream"], ["errors", "Errors"],
];

let selected = null; // id
let tab = "stream";
let events = null;
let detail = null; // what is known of the selected one
let asked = null; // the revision of it that was asked for
let loading = false;
let stale = false;
let stream = null;

function news({ rows: changed, removed }) {
  let newest = null;
  for (const row of changed) {
    if (put(row, (id) => choose(id, true))) newest = row.id;
    if (row.id === selected) changedRow(row);
  }
  removed.forEach(remove);
  $("empty").hidden = rows.size > 0;
  if (newest != null && $("follow").checked) choose(newest, false);
  totals();
}

// The whole entry is asked for when it changed; while it only streams, figures count on.
function changedRow(row) {
  if (row.revision !== asked) refresh();
  if (detail?.row.id !== row.id) return;
  detail.row = row;
  const seconds = row.duration_s - row.first_s;
  if (isLive(row) && row.first_s != null && seconds > 0) detail.deltas_per_s = stream.deltas / seconds;
  drawDetail(detail);
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
  detail = asked = null;
  forgetDetail();
  connect();
  refresh();
}

function move(step) {
  const visible = [...$("rows").children].filter((tr) => !tr.hidden);
  const at = visible.findIndex((tr) => Number(tr.dataset.id) === selected);
  const next = visible[Math.max(0, Math.min(visible.length - 1, at + step))];
  if (next) choose(Number(next.dataset.id), true);
}

async function refresh() {
  if (loading) {
    stale = true;
    return;
  }
  if (selected == null) return;
  loading = true;
  const id = selected;
  asked = rows.get(id)?.row.revision;
  try {
    const answer = await fetch(`${ROOT}/entry/${id}`, { credentials: "same-origin" });
    if (answer.ok && id === selected) {
      detail = await answer.json();
      drawDetail(detail);
      endStream();
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

function connect() {
  events?.close();
  events = new EventSource(ROOT + "/events" + (selected == null ? "" : `?entry=${selected}`));
  let told = false;
  events.onopen = () => {
    $("link").classList.add("live");
    $("link").lastChild.textContent = "live";
    told = false;
    if (selected != null) stream = new Stream($("panel-stream"));
  };
  events.onerror = () => {
    $("link").classList.remove("live");
    $("link").lastChild.textContent = "the bridge is away, trying again";
  };
  events.addEventListener("news", (event) => {
    const changed = JSON.parse(event.data);
    if (!told) forget(changed); // the first news of a connection tell of all
    told = true;
    news(changed);
  });
  events.addEventListener("stream", (event) => {
    const piece = JSON.parse(event.data);
    if (piece.entry !== selected) return;
    stream.take(piece, isLive(rows.get(selected)?.row || {}));
    endStream();
  });
}

function endStream() {
  if (detail?.row.id === selected && !isLive(detail.row)) stream?.end();
}

function forget({ rows: all }) {
  // After the bridge was restarted, its numbers begin anew.
  const kept = new Map(all.map((row) => [row.id, row.at]));
  for (const [id, known] of rows) {
    if (kept.get(id) !== known.row.at) remove(id);
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
  setInterval(tick, 200);
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

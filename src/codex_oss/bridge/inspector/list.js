// The list of requests and their sums.

import { $, clock, el, isLive, number, percent, said, seconds, short, word } from "./words.js";

export const rows = new Map(); // id -> {row, tr, heard}, oldest first

const took = (known) =>
  known.row.duration_s + (isLive(known.row) ? (performance.now() - known.heard) / 1000 : 0);

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
      el("span", {}, row.state === "completed" ? null : el("em", { class: row.state }, said(row) + " "),
        `${clock(row.at)} · ${row.client}`)),
    cell(row.input_tokens ? short(row.input_tokens) : "–", cached),
    cell(row.output_tokens ? short(row.output_tokens) : "–", saved, row.saved_tokens ? "saved" : ""),
    el("td", { class: "n" }, el("b", {}, first), known.took),
    el("td", { class: "n" },
      row.mends ? el("span", { class: "badge", title: "mended" }, row.mends) : null,
      row.troubles ? el("span", { class: "badge bad", title: "went wrong" }, row.troubles) : null),
  );
  tr.setAttribute("aria-label", `${row.model}, ${row.client}, ${said(row)}`);
}

function add(row, choose) {
  const tr = el("tr", {
    "data-id": row.id, tabindex: -1, "aria-selected": "false",
    onclick: () => choose(row.id),
  });
  const known = { row, tr, heard: performance.now() };
  rows.set(row.id, known);
  $("rows").prepend(tr);
  return known;
}

// Draw a row that is new or has changed; return whether it is new.
export function put(row, choose) {
  const isNew = !rows.has(row.id);
  const known = rows.get(row.id) || add(row, choose);
  Object.assign(known, { row, heard: performance.now() });
  draw(known);
  show(known);
  return isNew;
}

export function remove(id) {
  rows.get(id)?.tr.remove();
  rows.delete(id);
}

// Count on for those that run.
export function tick() {
  for (const known of rows.values()) {
    if (isLive(known.row)) known.took.textContent = seconds(took(known));
  }
}

export function show(known) {
  const words = $("filter").value.toLowerCase().split(/\s+/);
  const { model, client, state, route, status } = known.row;
  const text = `${model} ${client} ${state} ${word(state)} ${said(known.row)} ${route} ${status}`.toLowerCase();
  known.tr.hidden = !words.every((word) => text.includes(word));
}

export function totals() {
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

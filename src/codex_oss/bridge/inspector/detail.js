// One request: its figures, and all panels but the stream.

import { $, bytes, clock, el, isLive, number, percent, pill, said, seconds, share } from "./words.js";
import { json } from "./tree.js";

const KINDS = {
  name: "Name", arguments: "Arguments", text: "Call found in text", tool: "Tool played by another one",
};

const drawn = {}; // per tab: what its panel was drawn from

export function forgetDetail() {
  for (const name of Object.keys(drawn)) delete drawn[name];
}

export function drawDetail(detail) {
  $("detail").hidden = false;
  $("none").hidden = true;
  const { row } = detail;
  $("head").replaceChildren(
    el("h2", {}, row.model || row.route), pill(row),
    el("p", {}, `#${row.id} · ${row.client} · ${row.route} · ${clock(row.at)}` + (row.status ? ` · HTTP ${row.status}` : "")),
  );
  drawCards(detail);
  const mends = detail.notes.filter((n) => n.fact.type === "Mended").length;
  $("tab-mended").replaceChildren("Mended", mends ? el("span", { class: "badge" }, mends) : "");
  $("tab-errors").replaceChildren("Errors", row.troubles ? el("span", { class: "badge bad" }, row.troubles) : "");
  redraw("came", detail.came, () => drawCame(detail));
  redraw("sent", JSON.stringify(detail.sent), () => drawSent(detail));
  redraw("mended", JSON.stringify(detail.notes), () => drawMended(detail));
  redraw("errors", JSON.stringify([detail.notes, detail.error, row.state]), () => drawErrors(detail));
  $("panel-stream").classList.toggle("live", isLive(row));
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

function drawCards(detail) {
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
    ? card("First token", isLive(row) ? said(row) : "–", "", [[isLive(row) ? 100 : 0, "wait"]], `${isLive(row) ? "for" : "took"} ${seconds(total)}`)
    : card("First token", seconds(row.first_s), "", [[share(row.first_s, total), "wait"], [100 - share(row.first_s, total)]],
      `${isLive(row) ? "so far" : "took"} ${seconds(total)}${rate}`);
  $("cards").replaceChildren(saved, cache, prefix, first);
}

function drawCame(detail) {
  const size = detail.came_bytes;
  const gone = !detail.came && size ? " The body is not kept any more." : "";
  return [el("p", { class: "note" }, `${bytes(size)} from ${detail.row.client}.${gone}`), json(detail.came)];
}

function drawSent(detail) {
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

function drawMended(detail) {
  const mended = detail.notes.filter((note) => note.fact.type === "Mended");
  if (!mended.length) return [el("p", { class: "note" }, "Nothing had to be mended.")];
  return mended.map(({ at, fact }) => step("", KINDS[fact.what] || fact.what, at, "",
    el("div", { class: "two" }, el("pre", { "data-is": "was" }, fact.was), el("pre", { "data-is": "now" }, fact.now))));
}

function drawErrors(detail) {
  const found = [];
  for (const { at, fact } of detail.notes) {
    if (fact.type === "Retried") found.push(step("warn", "Sent once more", at, `${fact.reason}\nafter a pause of ${seconds(fact.delay_s)}`));
    if (fact.type === "Remark") found.push(step("warn", "Of the model's server", at, fact.text));
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

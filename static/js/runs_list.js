// The list of runs, kept true in place: a row that changed is replaced where it stands, a new run waits behind a pill.
import { startColumns } from "./run_columns.js";
import { startQueryBox } from "./query_box.js";
import { startSelection } from "./run_select.js";
import { startRowKeys } from "./rows.js";
import { badge, keepConnected } from "./socket.js";

const PATCH_EVERY_MS = 1000;
const POLL_EVERY_MS = 10000;
const COUNT_EVERY_MS = 3000;

const changed = new Set();
let patching = null;
let counting = null;
let countAgain = false;
let live = false;

const list = () => document.getElementById("runs");
const rowOf = (id) => document.getElementById(`run-${id}`);
const idOf = (row) => row.id.slice("run-".length);

function take(runs) {
  let unknown = false;
  for (const run of runs) {
    if (rowOf(run.id)) changed.add(run.id);
    else if (run.status === "queued") unknown = true;
  }
  if (changed.size && !patching) patching = setTimeout(patch, PATCH_EVERY_MS);
  if (unknown && counting) countAgain = true;
  else if (unknown) counting = setTimeout(countNew, 0);
}

/** A run that is not on this page is announced, never put under the cursor; only the server knows whether it fits. */
async function countNew() {
  const section = list();
  if (section?.dataset.firstPage === "yes" && section.dataset.at) {
    const address = `/runs/fresh/?${section.dataset.state}&since=${encodeURIComponent(section.dataset.at)}`;
    try {
      const response = await fetch(address, { headers: { Accept: "application/json" } });
      if (response.ok) announce((await response.json()).count);
    } catch {
      // The socket says when the console is away; the next new run asks again.
    }
  }
  counting = setTimeout(countOn, COUNT_EVERY_MS);
}

/** What came while it was counted, or just after, is in no count yet. */
function countOn() {
  counting = countAgain ? setTimeout(countNew, 0) : null;
  countAgain = false;
}

function announce(count) {
  const pill = document.getElementById("new-runs");
  if (!pill) return;
  pill.textContent = `${count} new run${count === 1 ? "" : "s"}: show`;
  pill.hidden = count === 0;
}

async function patch() {
  patching = null;
  const ids = [...changed].filter(rowOf);
  changed.clear();
  if (!ids.length) return;
  try {
    const address = `/runs/rows/?ids=${ids.join(",")}&${list().dataset.state}`;
    const response = await fetch(address, { headers: { "HX-Request": "true" } });
    if (response.ok) replaceRows(await response.text());
  } catch {
    // The socket says when the console is away; the rows stay as they are until then.
  }
}

function replaceRows(html) {
  // Made by our own templates, where every value is escaped.
  const holder = document.createElement("template");
  holder.innerHTML = html;
  for (const fresh of [...holder.content.children]) {
    const old = document.getElementById(fresh.id);
    if (!old || old.innerHTML === fresh.innerHTML) continue;
    for (const mark of ["selected", "left"]) if (mark in old.dataset) fresh.dataset[mark] = "";
    if (old.querySelector("input:checked")) fresh.querySelector("input").checked = true;
    const focused = old.contains(document.activeElement) ? document.activeElement.tagName : "";
    old.replaceWith(fresh);
    if (focused) fresh.querySelector(focused === "INPUT" ? "input" : "a.row-link")?.focus({ preventScroll: true });
  }
  document.dispatchEvent(new CustomEvent("htmx:after:swap"));
}

/** Ask for rows anew, after an order that no event tells of. */
function refresh(ids) {
  for (const id of ids) changed.add(id);
  patch();
}

function pollWhileCutOff() {
  setInterval(() => {
    if (live || document.hidden) return;
    for (const row of document.querySelectorAll("#runs tr[id^=run-]")) changed.add(idOf(row));
    patch();
  }, POLL_EVERY_MS);
}

/** A click beside the links of a row follows the row's own link, with the keys that open a tab of its own. */
function followRows() {
  const link = (event) => {
    const row = event.target.closest?.("#runs tr.linked");
    if (!row || event.target.closest("a, button, input, label") || getSelection().toString()) return null;
    return row.querySelector("a.row-link");
  };
  document.addEventListener("click", (event) => {
    const found = link(event);
    if (found && (event.ctrlKey || event.metaKey)) window.open(found.href, "_blank");
    else if (found && !event.shiftKey) found.click();
  });
  document.addEventListener("auxclick", (event) => {
    const found = event.button === 1 ? link(event) : null;
    if (found) window.open(found.href, "_blank");
  });
}

/** Shift and a press on a column's head orders by it after the columns that order already. */
function orderBySeveral() {
  document.addEventListener("click", (event) => {
    const head = event.target.closest?.("a[data-also]");
    if (!head || !event.shiftKey) return;
    event.preventDefault();
    const address = new URL(head.href);
    address.searchParams.set("sort", head.dataset.also);
    location.href = address.href.replaceAll("%2C", ","); // as the server writes it, and a person reads it
  });
}

document.addEventListener("click", (event) => {
  if (event.target.closest?.("#new-runs")) location.reload();
});
startRowKeys("#runs tbody tr");
startSelection({ onDone: refresh });
startQueryBox();
startColumns();
followRows();
orderBySeveral();

const show = badge();
keepConnected({
  address: () => "/ws/runs/",
  onMessage: (message) => message.type === "runs" && take(message.runs),
  onState: (state, seconds) => {
    live = state === "live";
    show(state, seconds);
  },
});
pollWhileCutOff();

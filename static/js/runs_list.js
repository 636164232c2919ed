// The list of runs, kept true in place: a row that changed is replaced where it stands, a new run waits behind a pill.
import { startRowKeys } from "./rows.js";
import { badge, keepConnected } from "./socket.js";

const PATCH_EVERY_MS = 1000;
const POLL_EVERY_MS = 10000;

const pill = document.getElementById("new-runs");
const changed = new Set();
const unseen = new Set();
let timer = null;
let live = false;

const rowOf = (id) => document.getElementById(`run-${id}`);

function take(runs) {
  for (const run of runs) {
    if (rowOf(run.id)) changed.add(run.id);
    else if (run.status === "queued" || unseen.has(run.id)) announce(run.id);
  }
  if (changed.size && !timer) timer = setTimeout(patch, PATCH_EVERY_MS);
}

/** A run that is not on this page is announced, never put under the cursor. */
function announce(id) {
  if (document.getElementById("runs").dataset.firstPage !== "yes") return;
  unseen.add(id);
  pill.textContent = `${unseen.size} new run${unseen.size === 1 ? "" : "s"}: show`;
  pill.hidden = false;
}

async function patch() {
  timer = null;
  const ids = [...changed].filter(rowOf);
  changed.clear();
  if (!ids.length) return;
  try {
    const response = await fetch(`/runs/rows/?ids=${ids.join(",")}`, { headers: { "HX-Request": "true" } });
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
    if ("selected" in old.dataset) fresh.dataset.selected = "";
    const focused = old.contains(document.activeElement);
    old.replaceWith(fresh);
    if (focused) fresh.querySelector("a.row-link")?.focus({ preventScroll: true });
  }
  document.dispatchEvent(new CustomEvent("htmx:after:swap"));
}

function pollWhileCutOff() {
  setInterval(() => {
    if (live || document.hidden) return;
    for (const row of document.querySelectorAll("#runs tr[data-run]")) changed.add(row.dataset.run);
    patch();
  }, POLL_EVERY_MS);
}

pill.addEventListener("click", () => location.reload());
document.addEventListener("htmx:after:swap", () => {
  for (const id of [...unseen]) if (rowOf(id)) unseen.delete(id);
  pill.hidden = unseen.size === 0;
});
startRowKeys("#runs tbody tr");

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

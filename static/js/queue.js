// The queue: rows are moved by drag, by buttons and by keys; it stays true without moving what is under the cursor.
import { csrfToken, el, throttled } from "./dom.js";
import { badge, keepConnected } from "./socket.js";
import { toast, undoable } from "./toast.js";

const REFRESH_EVERY_MS = 2000;
const POLL_EVERY_MS = 10000;
const STEP_OF_KEY = { ArrowUp: "up", ArrowDown: "down", Home: "top", End: "bottom" };

const holder = document.getElementById("queue");
const pill = document.getElementById("queue-changed");
const said = document.getElementById("queue-said");
let dragged = null;
let busy = false;

const body = () => holder.querySelector("[data-queue]");
const seen = () => body()?.dataset.seen ?? "";
const rowOf = (id) => document.getElementById(`queued-${id}`);

/** Put the table that the server made in the place of the old one; chosen rows and the focus stay. */
function show(html) {
  const chosen = [...holder.querySelectorAll("input[name=run]:checked")].map((box) => box.value);
  // Made by our own templates, where every value is escaped.
  holder.innerHTML = html;
  for (const box of holder.querySelectorAll("input[name=run][type=checkbox]")) box.checked = chosen.includes(box.value);
  pill.hidden = true;
  countChosen();
  document.dispatchEvent(new CustomEvent("htmx:after:swap"));
}

async function post(address, words) {
  const form = new URLSearchParams(words);
  return fetch(address, { method: "POST", body: form, headers: { "HX-Request": "true", "X-CSRFToken": csrfToken() } });
}

/** Move a run; if the queue is not as it was seen, it is shown as it is, and the same move is offered again. */
async function move(id, words, focus) {
  if (busy) return;
  busy = true;
  try {
    const response = await post(holder.dataset.move, { ...words, run: id, seen: seen() });
    const text = decodeURIComponent(response.headers.get("X-Said") ?? "");
    if (!response.headers.get("X-Refreshed")) {
      toast(text || `The console answered ${response.status}; nothing was moved.`);
      return;
    }
    show(await response.text());
    said.textContent = text;
    const row = rowOf(id);
    if (row && response.ok) row.dataset.moved = "";
    row?.querySelector(focus)?.focus();
    if (!response.ok) explain(text, row && response.status === 409 ? () => move(id, words, focus) : null);
  } catch {
    toast("The console cannot be reached; nothing was moved.");
  } finally {
    busy = false;
  }
}

function explain(text, again) {
  const box = toast(text, { stay: Boolean(again) });
  if (!again) return;
  const button = el("button", { type: "button", text: "Move it now" });
  button.addEventListener("click", () => {
    box.remove();
    again();
  });
  box.append(button);
}

/** The other forms of the page: pause, release, priority, cancel. */
async function submit(form, submitter) {
  const at = document.activeElement?.closest("tr")?.dataset.run;
  const response = await post(form.action, new FormData(form, submitter ?? undefined));
  const text = decodeURIComponent(response.headers.get("X-Said") ?? "");
  if (response.headers.get("X-Refreshed")) show(await response.text());
  if (at) rowOf(at)?.querySelector("input[type=number]")?.focus();
  const undo = response.headers.get("X-Undo");
  if (undo && response.ok) undoable(text, () => putBack(undo));
  else toast(text || `The console answered ${response.status}; nothing was changed.`, { stay: !response.ok });
}

async function putBack(ids) {
  const response = await post(holder.dataset.putBack, { runs: ids });
  if (response.headers.get("X-Refreshed")) show(await response.text());
  toast(decodeURIComponent(response.headers.get("X-Said") ?? "") || "Nothing was put back.");
}

function countChosen() {
  const count = holder.querySelectorAll("input[name=run][type=checkbox]:checked").length;
  const note = holder.querySelector("[data-chosen]");
  if (note) note.textContent = count ? `${count} chosen` : "";
  const cancel = holder.querySelector("[data-cancel]");
  if (cancel) cancel.disabled = count === 0;
}

function handsAreOnIt() {
  return dragged || holder.matches(":hover") || holder.contains(document.activeElement);
}

/** The order as it is now; while a hand is on the table it waits behind a pill. */
async function refresh() {
  if (busy) return;
  try {
    const response = await fetch(holder.dataset.table, { headers: { "HX-Request": "true" } });
    if (!response.ok) return;
    const html = await response.text();
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    const order = fresh.content.querySelector("[data-queue]")?.dataset.seen ?? "";
    if (order !== seen() && handsAreOnIt()) pill.hidden = false;
    else if (!handsAreOnIt()) show(html);
  } catch {
    // The socket says when the console is away; the table stays as it is until then.
  }
}

holder.addEventListener("click", (event) => {
  const button = event.target.closest("[data-step]");
  if (!button) return;
  const row = button.closest("tr");
  move(row.dataset.run, { step: button.dataset.step }, `[data-step="${button.dataset.step}"]:not([disabled]), [data-grip]`);
});

holder.addEventListener("keydown", (event) => {
  const step = event.target.closest("[data-grip]") && STEP_OF_KEY[event.key];
  if (!step || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  move(event.target.closest("tr").dataset.run, { step }, "[data-grip]");
});

holder.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-queue-form]");
  if (!form) return;
  event.preventDefault();
  submit(form, event.submitter).catch(() => toast("The console cannot be reached; nothing was changed."));
});

holder.addEventListener("change", (event) => {
  if (event.target.matches("input[type=checkbox]")) countChosen();
  if (event.target.matches(".priority-form input[type=number]") && event.target.checkValidity()) {
    event.target.form.requestSubmit();
  }
});

holder.addEventListener("dragstart", (event) => {
  const row = event.target.closest?.("[data-grip]")?.closest("tr");
  if (!row) return;
  dragged = row;
  row.dataset.dragged = "";
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", row.dataset.name);
  event.dataTransfer.setDragImage(row, 20, 16);
});

holder.addEventListener("dragover", (event) => {
  const row = dragged && event.target.closest?.("[data-queue] tr");
  if (!row) return;
  event.preventDefault();
  clearMarks();
  const box = row.getBoundingClientRect();
  row.dataset.over = event.clientY < box.top + box.height / 2 ? "before" : "after";
});

holder.addEventListener("drop", (event) => {
  const over = dragged && holder.querySelector("tr[data-over]");
  if (!over) return;
  event.preventDefault();
  const rows = [...body().querySelectorAll("tr")];
  const next = over.dataset.over === "before" ? over : rows[rows.indexOf(over) + 1];
  const id = dragged.dataset.run;
  if (over !== dragged && next !== dragged) move(id, { before: next?.dataset.run ?? "" }, "[data-grip]");
});

holder.addEventListener("dragend", () => {
  clearMarks();
  if (dragged) delete dragged.dataset.dragged;
  dragged = null;
});

function clearMarks() {
  for (const row of holder.querySelectorAll("tr[data-over]")) delete row.dataset.over;
}

pill.addEventListener("click", async () => {
  const response = await fetch(holder.dataset.table, { headers: { "HX-Request": "true" } });
  if (response.ok) show(await response.text());
});

countChosen();
const refreshSoon = throttled(refresh, REFRESH_EVERY_MS);
keepConnected({ address: () => "/ws/runs/", onMessage: (message) => message.type === "runs" && refreshSoon(), onState: badge() });
setInterval(() => document.hidden || refresh(), POLL_EVERY_MS);

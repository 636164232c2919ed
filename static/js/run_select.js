// Selecting runs: a box, x on the row, shift for all between; and the orders that are given to what is selected.
import { isTyping } from "./dom.js";
import { toast, undoable } from "./toast.js";

const BOX = "#runs tbody input[name=run]";

let last = null;

const boxes = () => [...document.querySelectorAll(BOX)];
const checked = () => boxes().filter((box) => box.checked);
const currentRow = () => document.querySelector("#runs tr[data-selected]");

/** Listen for boxes, keys and orders; `onDone` gets the ids of runs that an order changed. */
export function startSelection({ onDone }) {
  document.addEventListener("click", (event) => {
    const box = event.target.closest?.(BOX);
    if (box) between(box, event.shiftKey);
    if (event.target.closest?.("[data-select-none]")) setAll(false);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches?.("[data-select-all]")) setAll(event.target.checked);
    if (event.target.matches?.(BOX)) tell();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || (isTyping(event) && !event.target.matches(BOX))) return;
    if (event.key === "x" || event.key === "X") toggleRow(event);
    else if (event.key === "c") press("compare");
    else if (event.key === "s") starRow(onDone);
    else if (event.key === "Escape" && checked().length) setAll(false);
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches?.("[data-bulk]") || !event.submitter?.matches("[data-bulk]")) return;
    event.preventDefault();
    order(event.target, event.submitter, onDone);
  });
  document.addEventListener("htmx:after:swap", tell);
  tell();
}

/** All boxes from the one that was last pressed to this one take its state. */
function between(box, shift) {
  const all = boxes();
  const [from, to] = [all.indexOf(last), all.indexOf(box)];
  if (shift && from >= 0 && from !== to) {
    for (const one of all.slice(Math.min(from, to), Math.max(from, to) + 1)) one.checked = box.checked;
  }
  last = box;
  tell();
}

function toggleRow(event) {
  const box = currentRow()?.querySelector("input[name=run]") ?? (event.target.matches(BOX) ? event.target : null);
  if (!box) return;
  box.checked = !box.checked;
  between(box, event.shiftKey);
}

function setAll(on) {
  for (const box of boxes()) box.checked = on;
  tell();
}

function tell() {
  const all = boxes();
  const chosen = checked();
  for (const box of all) box.setAttribute("aria-label", `Select ${box.closest("tr").querySelector("a.row-link").textContent}`);
  const head = document.querySelector("[data-select-all]");
  if (head) {
    head.checked = all.length > 0 && chosen.length === all.length;
    head.indeterminate = chosen.length > 0 && chosen.length < all.length;
  }
  const count = document.querySelector("[data-selected-count]");
  if (count) count.textContent = `${chosen.length} selected`;
}

function press(word) {
  if (checked().length) document.querySelector(`#bulk button[value=${word}]`)?.click();
  else toast("Select runs first: tick them, or press x on a row.");
}

function starRow(onDone) {
  const row = currentRow();
  const form = document.getElementById("bulk");
  if (!row || !form) return;
  const fields = new FormData(form);
  fields.delete("run");
  fields.set("star", row.id.slice("run-".length));
  send(form, fields, onDone);
}

function order(form, button, onDone) {
  const fields = new FormData(form);
  fields.set("order", button.value);
  send(form, fields, onDone);
}

async function send(form, fields, onDone) {
  let answer = null;
  try {
    const response = await fetch(form.action, {
      method: "POST",
      body: fields,
      headers: { "X-Requested-With": "fetch", Accept: "application/json" },
    });
    answer = await response.json();
  } catch {
    toast("The console did not answer; nothing is known to have been done. Look at the rows, then try again.", { stay: true });
    return;
  }
  if (answer.undo) undoable(answer.said, () => takeBack(form, answer, onDone));
  else toast(answer.said);
  onDone(answer.done);
  if (["archive", "unarchive"].includes(fields.get("order")) && answer.done.length) leave(answer.done);
}

function takeBack(form, answer, onDone) {
  const fields = new FormData(form);
  fields.delete("run");
  fields.set("order", answer.undo);
  for (const id of answer.done) fields.append("run", id);
  send(form, fields, onDone);
}

/** Rows that are no longer of this view stay where they are, faint, so that nothing moves under the cursor. */
function leave(ids) {
  for (const id of ids) {
    const row = document.getElementById(`run-${id}`);
    row?.setAttribute("data-left", "");
    const box = row?.querySelector("input[name=run]");
    if (box) box.checked = false;
  }
  tell();
}

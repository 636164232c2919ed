// Keys that work on every page: ? help, / search, g r runs, g n new run, g f fleet, g t tasks, g q queue, g y try it.
import { isTyping } from "./dom.js";

const CHORD_MS = 1200;
const PLACES = { r: "runs", n: "new", f: "fleet", t: "tasks", q: "queue", y: "try" };

/** Listen for the keys of the frame. */
export function startKeyboard() {
  let chordAt = 0;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.type === "search") event.target.blur();
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    const now = Date.now();
    if (now - chordAt < CHORD_MS && PLACES[event.key]) {
      chordAt = 0;
      const link = document.querySelector(`a[data-go="${PLACES[event.key]}"]`);
      if (link) link.click();
      return;
    }
    chordAt = event.key === "g" ? now : 0;
    if (event.key === "?") openHelp(event);
    if (event.key === "/") focusSearch(event);
  });
  document.querySelector("[data-open-help]")?.addEventListener("click", openHelp);
}

function openHelp(event) {
  const help = document.getElementById("keyboard-help");
  if (!help || help.open) return;
  event.preventDefault();
  help.showModal();
}

function focusSearch(event) {
  const search = document.querySelector("input[type=search]");
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
}

// Relative times and running durations tick here, once a second, without asking the server.
import { ago, duration } from "./format.js";

function tick() {
  const now = new Date();
  for (const node of document.querySelectorAll("time[data-ago]")) {
    const text = ago(new Date(node.dateTime), now);
    if (node.textContent !== text) node.textContent = text;
    if (!node.title) {
      const date = new Date(node.dateTime);
      node.title = `${date.toLocaleString()} · ${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
    }
  }
  for (const node of document.querySelectorAll("[data-since]")) {
    node.textContent = duration((now - new Date(node.dataset.since)) / 1000);
  }
  for (const node of document.querySelectorAll("[data-until]")) {
    const left = (new Date(node.dataset.until) - now) / 1000;
    node.textContent = left > 0 ? duration(left) : "any moment";
  }
}

/** Start the clock of the page. */
export function startClock() {
  tick();
  setInterval(tick, 1000);
  document.addEventListener("htmx:after:swap", tick);
}

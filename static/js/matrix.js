// The matrix: arrows move between cells, x chooses one, a task's name opens its history beside the table.
import { el, isTyping } from "./dom.js";
import { startQueryBox } from "./query_box.js";

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const panel = document.getElementById("task-panel");
const form = () => document.getElementById("task-choice");
let opener = null;
let charts = null;

function linksOf(row) {
  return [...row.children].map((cell) => cell.querySelector("a"));
}

/** From a cell's link to the nearest one in that direction. */
function move(link, [down, across]) {
  const rows = [...document.querySelectorAll("[data-matrix] tbody tr:not(.divider)")].filter((row) => row.querySelector("a"));
  let row = rows.indexOf(link.closest("tr"));
  let place = linksOf(rows[row]).indexOf(link);
  for (;;) {
    row += down;
    place += across;
    const links = rows[row] && linksOf(rows[row]);
    if (!links || place < 0 || place >= links.length) return;
    if (links[place]) {
      links[place].focus();
      return;
    }
  }
}

/** The task of a cell's row, whose name is its row head's. */
const taskOf = (link) => link.closest("tr").querySelector("[data-history]").textContent;

function choose(link) {
  const cell = link.closest("td");
  const value = `${link.dataset.run} ${taskOf(link)}`;
  const chosen = [...form().querySelectorAll("input[name=cell]")].find((input) => input.value === value);
  if (chosen) {
    chosen.remove();
    delete cell.dataset.chosen;
  } else {
    form().append(el("input", { type: "hidden", name: "cell", value }));
    cell.dataset.chosen = "";
  }
  count();
}

function count() {
  if (!form()) return;
  const tasks = new Set([...form().querySelectorAll("input[name=task]:checked")].map((input) => input.value));
  for (const input of form().querySelectorAll("input[name=cell]")) tasks.add(input.value.slice(input.value.indexOf(" ") + 1));
  const words = form().querySelector("[data-chosen-count]");
  if (words) words.textContent = tasks.size ? `${tasks.size} task${tasks.size === 1 ? "" : "s"} chosen` : "";
  const button = form().querySelector("[data-needs-choice]");
  if (button) button.disabled = tasks.size === 0;
}

/** The charts come with the first panel: most people who look at the matrix never need them. */
function loadCharts() {
  charts ??= new Promise((done) => {
    const script = el("script", { src: panel.dataset.plotly });
    script.addEventListener("load", done);
    document.head.append(script);
  }).then(() => import("./charts.js"));
  return charts;
}

async function show(link) {
  try {
    const response = await fetch(link.href, { headers: { "HX-Request": "true" } });
    if (!response.ok) throw new Error(`the console answered ${response.status}`);
    // Made by our own templates, where every value is escaped.
    const holder = document.createElement("template");
    holder.innerHTML = await response.text();
    panel.replaceChildren(holder.content);
  } catch (error) {
    panel.replaceChildren(el("p", { class: "panel-body", text: `The history could not be shown: ${error.message}. Try again in a moment.` }));
  }
  panel.hidden = false;
  for (const other of document.querySelectorAll("[data-history][aria-current]")) other.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  opener = link;
  panel.querySelector("[data-close-panel]")?.focus();
  await loadCharts();
  document.dispatchEvent(new CustomEvent("htmx:after:swap"));
}

function close() {
  panel.hidden = true;
  opener?.removeAttribute("aria-current");
  opener?.focus();
  opener = null;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !panel.hidden) {
    close();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  const link = event.target.closest?.("[data-matrix] tbody a");
  if (!link) return;
  if (MOVES[event.key]) {
    event.preventDefault();
    move(link, MOVES[event.key]);
  } else if (event.key === "x") {
    if (link.dataset.run) choose(link);
    else link.closest("th")?.querySelector("input[name=task]")?.click();
  }
});
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-matrix] a");
  if (event.target.closest?.("[data-close-panel]")) close();
  else if (link?.dataset.run && (event.ctrlKey || event.metaKey) && form().querySelector("[data-needs-choice]")) {
    event.preventDefault();
    choose(link);
  } else if (link && "history" in link.dataset && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    show(link);
  }
});
/** Runs that the page had ticked by itself make room for those that are asked for; what a person ticked stays. */
document.getElementById("q")?.addEventListener("input", () => {
  for (const box of document.querySelectorAll("input[data-usual]")) {
    box.checked = false;
    delete box.dataset.usual;
  }
});
document.addEventListener("change", (event) => {
  if (event.target.name === "task") count();
  if (event.target.name === "runs") for (const box of document.querySelectorAll("input[data-usual]")) delete box.dataset.usual;
});
document.addEventListener("htmx:after:swap", count);
startQueryBox();
count();

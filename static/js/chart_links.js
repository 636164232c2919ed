// From a point of a curve to what the agents did there: a click on any chart opens the groups (of an evaluation: the
// episodes) of that step. The table below a chart has the same links, for keys and screen readers.
import { el } from "./dom.js";

const page = document.getElementById("run");
const target = page?.dataset.stepLink;
const STEP = /^\d{1,9}$/;

const address = (step) => `${target}?step=${step}`;

/** The step of a point: the server says it where the axis shows something else. */
function stepOf(point) {
  const told = Array.isArray(point.customdata) ? point.customdata[0] : point.customdata;
  const step = told ?? (point.xaxis?.title?.text === "training step" ? point.x : null);
  return STEP.test(String(step)) ? String(step) : null;
}

function open(event) {
  const step = stepOf(event.points?.[0] ?? {});
  if (!step) return;
  const mouse = event.event;
  if (mouse?.ctrlKey || mouse?.metaKey) window.open(address(step), "_blank", "noopener");
  else location.assign(address(step));
}

/** Listen to a chart that was drawn; one that is drawn anew has forgotten who listened. */
function listen(holder) {
  if (!holder.on) return;
  holder.removeListener?.("plotly_click", open);
  holder.on("plotly_click", open);
  holder.classList.add("leads-on");
  holder.title = "Click a point to see what the agents did at that step";
}

function linkTable(holder) {
  for (const head of holder.querySelectorAll("tr > th[scope=row]")) {
    if (head.textContent !== "step") continue;
    for (const cell of head.parentElement.querySelectorAll("td")) {
      if (!cell.querySelector("a") && STEP.test(cell.textContent)) cell.replaceChildren(el("a", { href: address(cell.textContent), text: cell.textContent }));
    }
  }
}

if (target) {
  const watch = new MutationObserver((changes) => {
    for (const { target: node } of changes) {
      const chart = node.closest?.("[data-chart]");
      if (chart && node === chart && node.classList.contains("js-plotly-plot") && !node.classList.contains("leads-on")) listen(node);
      const table = node.closest?.("[data-table]");
      if (table) linkTable(table);
    }
  });
  watch.observe(page, { subtree: true, childList: true, attributes: true, attributeFilter: ["class"] });
}

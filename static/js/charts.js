// Charts: each is fetched when it comes into view, drawn by plotly, kept up to date, and fails alone.
import { el } from "./dom.js";
import { number } from "./format.js";

const panels = new Map();
const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d"], displayModeBar: "hover" };
let sharing = false;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The server says what is drawn; the theme says in which colours of paper, ink and grid. */
function themed(layout) {
  const axis = { gridcolor: colour("--chart-grid"), linecolor: colour("--chart-grid"), tickcolor: colour("--chart-grid") };
  return {
    ...layout,
    autosize: true,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: colour("--font"), size: 12, color: colour("--chart-text") },
    xaxis: { ...layout.xaxis, ...axis, showspikes: true, spikemode: "across", spikethickness: 1, spikedash: "dot", spikecolor: colour("--line-strong") },
    yaxis: { ...layout.yaxis, ...axis },
    hoverlabel: { bgcolor: colour("--surface"), bordercolor: colour("--line"), font: { color: colour("--text"), size: 12 } },
  };
}

function settings() {
  const x = document.querySelector("[data-x][aria-pressed=true]")?.dataset.x ?? "step";
  const smooth = document.querySelector("[data-smoothing]")?.value ?? "0.6";
  return { x, smooth };
}

async function load(panel) {
  const state = panels.get(panel);
  if (state.loading) {
    state.again = true;
    return;
  }
  state.loading = true;
  panel.setAttribute("aria-busy", "true");
  try {
    const { x, smooth } = settings();
    const address = `${panel.dataset.url}&x=${x}&smooth=${smooth}`;
    const response = await fetch(address, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`the console answered ${response.status}`);
    state.data = await response.json();
    await draw(panel, state);
  } catch (error) {
    if (!state.data) say(panel, `This chart could not be drawn: ${error.message}. The others are not affected.`);
  } finally {
    state.loading = false;
    panel.removeAttribute("aria-busy");
    if (state.again) {
      state.again = false;
      load(panel);
    }
  }
}

async function draw(panel, state) {
  const { figure, table, note, empty } = state.data;
  panel.querySelector("[data-note]").textContent = note;
  if (empty) {
    say(panel, "Nothing was logged for this chart yet.");
    return;
  }
  const holder = panel.querySelector("[data-chart]");
  if (!state.drawn) holder.replaceChildren();
  await Plotly.react(holder, figure.data, themed(figure.layout), CONFIG);
  if (!state.drawn) {
    state.drawn = true;
    shareCrosshair(holder);
  }
  tabulate(panel, table);
}

function say(panel, words) {
  const state = panels.get(panel);
  const holder = panel.querySelector("[data-chart]");
  if (state.drawn) Plotly.purge(holder);
  state.drawn = false;
  holder.replaceChildren(el("p", { class: "chart-message", text: words }));
}

function tabulate(panel, table) {
  const holder = panel.querySelector("[data-table]");
  const caption = panel.querySelector("h3").textContent;
  const blocks = table.map(({ name, points, x = "step" }) => {
    const head = el("tr", {}, el("th", { scope: "row", text: x }), ...points.map(([step]) => el("td", { class: "num", text: step })));
    const row = el("tr", {}, el("th", { scope: "row", text: name }), ...points.map(([, value]) => el("td", { class: "num", text: number(value) })));
    return el("div", { class: "table-scroll" }, el("table", {}, el("caption", { class: "visually-hidden", text: `${caption}: ${name}` }), el("tbody", {}, head, row)));
  });
  holder.replaceChildren(...blocks);
}

/** Pointing at one chart points at the same place in all others. */
function shareCrosshair(holder) {
  holder.on("plotly_hover", (event) => {
    if (sharing) return;
    sharing = true;
    const x = event.points[0]?.x;
    for (const [panel, state] of panels) {
      const other = panel.querySelector("[data-chart]");
      if (!state.drawn || other === holder || !state.visible) continue;
      try {
        Plotly.Fx.hover(other, { xval: x, yval: 0 }, ["xy"]);
      } catch {
        // A chart that has nothing there shows nothing.
      }
    }
    sharing = false;
  });
  holder.on("plotly_unhover", () => {
    for (const [panel, state] of panels) if (state.drawn) Plotly.Fx.unhover(panel.querySelector("[data-chart]"));
  });
}

const sight = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      const state = panels.get(entry.target);
      state.visible = entry.isIntersecting;
      if (state.visible && state.stale) {
        state.stale = false;
        load(entry.target);
      }
    }
  },
  { rootMargin: "120px" },
);

function refreshAll() {
  for (const [panel, state] of panels) {
    if (state.visible) load(panel);
    else state.stale = true;
  }
}

function mount() {
  for (const panel of document.querySelectorAll("[data-chart-panel]")) {
    if (panels.has(panel)) continue;
    panels.set(panel, { stale: true, visible: false, drawn: false, loading: false, again: false, data: null });
    sight.observe(panel);
  }
}

function keepInAddress(name, value) {
  const address = new URL(location.href);
  address.searchParams.set(name, value);
  history.replaceState(history.state, "", address);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-x]");
  if (!button) return;
  for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
  keepInAddress("x", button.dataset.x);
  refreshAll();
});
document.addEventListener("input", (event) => {
  if (!event.target.matches?.("[data-smoothing]")) return;
  event.target.parentElement.querySelector("output").textContent = event.target.value;
});
document.addEventListener("change", (event) => {
  if (!event.target.matches?.("[data-smoothing]")) return;
  keepInAddress("smooth", event.target.value);
  refreshAll();
});
document.addEventListener("htmx:after:swap", mount);
document.addEventListener("arpo:theme", () => {
  for (const [panel, state] of panels) if (state.drawn) draw(panel, state);
});
document.body.addEventListener("arpo:charts", refreshAll);
mount();

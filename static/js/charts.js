// Charts: each is fetched when it comes into view, drawn by plotly, kept up to date, zoomed on its own, and fails alone.
import { CONFIG, savePicture, themed, zoomOf } from "./chart_figure.js";
import { tables } from "./chart_table.js";
import { el } from "./dom.js";
import { toast } from "./toast.js";

const panels = new Map();
let sharing = false;

/** What all charts of the page share. */
function settings() {
  const x = document.querySelector("[data-x][aria-pressed=true]")?.dataset.x ?? "step";
  const smooth = document.querySelector("[data-smoothing]")?.value ?? "0.6";
  const marks = document.querySelector("[data-marks]")?.checked === false ? "0" : "1";
  return { x, smooth, marks };
}

/** How this chart is looked at, as words of an address. */
function words(panel) {
  const state = panels.get(panel);
  const { x, smooth, marks } = settings();
  const query = new URLSearchParams(panel.dataset.url.split("?")[1]);
  query.set("x", x);
  query.set("smooth", smooth);
  if (marks === "0") query.set("marks", "0");
  if (state.log) query.set("log", "1");
  if (state.outliers) query.set("outliers", "hide");
  if (state.zoom) {
    query.set("from", state.zoom[0]);
    query.set("to", state.zoom[1]);
  }
  return query;
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
    const query = words(panel);
    panel.querySelector("[data-chart-file]").href = `${panel.dataset.csv}?${query}`;
    panel.querySelector("[data-chart-link]").href = `${panel.dataset.alone}?${query}`;
    if (panel.dataset.points) {
      history.replaceState(history.state, "", `?${query}`);
      query.set("points", panel.dataset.points);
    }
    const response = await fetch(`${panel.dataset.url.split("?")[0]}?${query}`, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`the console answered ${response.status}`);
    state.data = await response.json();
    await draw(panel, state);
  } catch (error) {
    fail(panel, state, error);
  } finally {
    state.loading = false;
    panel.removeAttribute("aria-busy");
    if (state.again) {
      state.again = false;
      load(panel);
    }
  }
}

/** What was drawn before stays; without it the panel says what happened and how to try again. */
function fail(panel, state, error) {
  if (state.drawn) {
    panel.querySelector("[data-note]").textContent = `Not up to date: ${error.message}`;
    return;
  }
  say(panel, `This chart could not be drawn: ${error.message}. The others are not affected.`, "Try again", () => load(panel));
}

async function draw(panel, state) {
  const { figure, table, note, empty, marks, step_word: stepWord } = state.data;
  panel.querySelector("[data-note]").textContent = note;
  if (empty) {
    explain(panel, state);
    return;
  }
  const holder = panel.querySelector("[data-chart]");
  if (!state.drawn) holder.replaceChildren();
  holder.setAttribute("role", "img");
  await Plotly.react(holder, figure.data, themed(figure.layout), CONFIG);
  if (!state.drawn) {
    state.drawn = true;
    shareCrosshair(holder);
    followZoom(panel, holder);
  }
  panel.querySelector("[data-table]").replaceChildren(...tables(panel.querySelector("h3").textContent, table, marks, stepWord));
}

/** An empty chart says why, and offers what would help. */
function explain(panel, state) {
  const { why, try_x: tryX } = state.data;
  if (tryX) say(panel, why, `Show by ${tryX}`, () => document.querySelector(`[data-x="${tryX}"]`)?.click());
  else if (state.zoom) say(panel, why, "Show the whole range", () => zoom(panel, null));
  else say(panel, why);
}

function say(panel, text, offer, act) {
  const state = panels.get(panel);
  const holder = panel.querySelector("[data-chart]");
  if (state.drawn) Plotly.purge(holder);
  state.drawn = false;
  // A picture has no parts to a screen reader, and the message may have a button.
  holder.setAttribute("role", "group");
  const message = el("div", { class: "chart-message" }, el("p", { text }));
  if (offer) {
    const button = el("button", { type: "button", text: offer });
    button.addEventListener("click", act);
    message.append(button);
  }
  holder.replaceChildren(message);
  panel.querySelector("[data-table]").replaceChildren();
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

/** A part that was dragged over is read again in finer buckets; a double click reads the whole again. */
function followZoom(panel, holder) {
  holder.on("plotly_relayout", (event) => {
    const range = zoomOf(event);
    if (range !== undefined) zoom(panel, range);
  });
}

function zoom(panel, range) {
  const state = panels.get(panel);
  if (String(range) === String(state.zoom)) return;
  state.zoom = range;
  tellPart(range);
  load(panel);
}

/** The part that a chart by itself shows, in the boxes below it: who cannot drag types there. */
function tellPart(range) {
  const form = document.querySelector("[data-chart-part]");
  if (!form) return;
  [form.elements.from.value, form.elements.to.value] = range ?? ["", ""];
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
    const { from, to, log, outliers } = panel.dataset;
    const start = { log: log === "1", outliers: outliers === "hide", zoom: from && to ? [from, to] : null };
    panels.set(panel, { ...start, stale: true, visible: false, drawn: false, loading: false, again: false, data: null });
    sight.observe(panel);
  }
}

function keepInAddress(name, value) {
  const address = new URL(location.href);
  address.searchParams.set(name, value);
  history.replaceState(history.state, "", address);
}

const CHART_DOES = {
  log: (panel, state) => toggle(panel, state, "log"),
  outliers: (panel, state) => toggle(panel, state, "outliers"),
  whole: (panel, state) => {
    if (state.drawn) Plotly.relayout(panel.querySelector("[data-chart]"), { "xaxis.autorange": true, "yaxis.autorange": true });
    zoom(panel, null);
  },
  png: async (panel, state) => {
    if (!state.drawn) {
      toast("There is nothing drawn to save yet.");
      return;
    }
    const title = panel.querySelector("h3").textContent;
    const run = document.getElementById("run")?.dataset.run ?? "run";
    await savePicture(panel.querySelector("[data-chart]"), `${title} · ${run}`, `${run}-${title.toLowerCase().replaceAll(/\W+/g, "-")}`);
  },
};

function toggle(panel, state, name) {
  state[name] = !state[name];
  panel.querySelector(`[data-chart-do=${name}]`).setAttribute("aria-pressed", String(state[name]));
  load(panel);
}

document.addEventListener("click", (event) => {
  const act = event.target.closest?.("[data-chart-do]");
  if (act) {
    const panel = act.closest("[data-chart-panel]");
    act.closest("details").open = false;
    CHART_DOES[act.dataset.chartDo](panel, panels.get(panel));
    return;
  }
  const button = event.target.closest?.("[data-x]");
  if (!button) return;
  for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
  // A range of one axis means nothing on another.
  for (const state of panels.values()) state.zoom = null;
  tellPart(null);
  keepInAddress("x", button.dataset.x);
  refreshAll();
});
document.addEventListener("submit", (event) => {
  if (!event.target.matches?.("[data-chart-part]")) return;
  event.preventDefault();
  const { from, to } = Object.fromEntries(new FormData(event.target));
  const [panel] = panels.keys();
  zoom(panel, from.trim() && to.trim() ? [from.trim(), to.trim()] : null);
});
document.addEventListener("input", (event) => {
  if (!event.target.matches?.("[data-smoothing]")) return;
  event.target.parentElement.querySelector("output").textContent = event.target.value;
});
document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-smoothing]")) keepInAddress("smooth", event.target.value);
  else if (event.target.matches?.("[data-marks]")) keepInAddress("marks", event.target.checked ? "1" : "0");
  else return;
  refreshAll();
});
document.addEventListener("htmx:after:swap", mount);
document.addEventListener("arpo:theme", () => {
  for (const [panel, state] of panels) if (state.drawn) draw(panel, state);
});
document.body.addEventListener("arpo:charts", refreshAll);
mount();

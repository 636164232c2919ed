// Keeps a run's page true: events come over the socket, each part of the page takes what is its own.
import { clock } from "./format.js";
import { el, throttled } from "./dom.js";
import { badge, followRun } from "./socket.js";
import { startWall } from "./wall.js";

const HEAD_EVERY_MS = 1000;
const PARTS_EVERY_MS = 3000;
const CHARTS_EVERY_MS = 5000;
const POLL_EVERY_MS = 5000;
const MOST_LOG_LINES = 1000;

const page = document.getElementById("run");
const runUrl = { id: page.dataset.run, page: `${page.dataset.list}${page.dataset.run}/` };
let wall = null;
let waiting = [];

const ask = (name) => document.body.dispatchEvent(new CustomEvent(`arpo:${name}`));
const refresh = {
  head: throttled(() => ask("head"), HEAD_EVERY_MS),
  timeline: throttled(() => ask("timeline"), PARTS_EVERY_MS),
  selection: throttled(() => ask("selection"), PARTS_EVERY_MS),
  replay: throttled(() => ask("replay"), PARTS_EVERY_MS),
  episodes: throttled(() => ask("episodes"), PARTS_EVERY_MS),
  charts: throttled(() => ask("charts"), CHARTS_EVERY_MS),
};

const MOVES = {
  PhaseChanged: ["head"],
  StatusChanged: ["head", "timeline"],
  PauseRequested: ["head", "timeline"],
  TasksSelected: ["timeline", "selection"],
  RunStarted: ["head", "timeline"],
  RunEnded: ["head", "timeline", "episodes", "charts"],
  StepFinished: ["head"],
  EpisodeEnded: ["episodes"],
  GroupCollected: ["replay"],
  ReplayChanged: ["replay"],
  MetricsLogged: ["charts"],
  ValidationFinished: ["head", "timeline", "charts"],
  CheckpointSaved: ["head", "timeline"],
  CollapseNoticed: ["timeline"],
  FaultNoticed: ["timeline"],
  AttemptLost: ["head", "timeline"],
  PreflightFailed: ["head", "timeline"],
  HostSampled: ["timeline"],
};

function take(event) {
  for (const part of MOVES[event.kind] ?? []) refresh[part]();
  if (event.kind === "PhaseChanged" && event.data.phase === "selecting") refresh.selection();
  if (event.kind === "GroupCollected" && event.data.members.some((member) => member.injected)) refresh.timeline();
  if (event.kind === "LogWritten") addLogLine(event);
  const handler = wall?.[event.kind];
  if (handler) handler(event.data);
}

/** The wall comes a moment after the page; what happens until then waits for it. */
function takeAll(events) {
  const wallComes = document.getElementById("wall-panel") && !wall;
  if (wallComes) waiting.push(...events.filter((event) => event.kind.startsWith("Episode")));
  for (const event of events) take(event);
}

function addLogLine(event) {
  const log = document.querySelector("[data-live-log]");
  if (!log) return;
  const order = ["debug", "info", "warning", "error"];
  const { level, logger, message } = event.data;
  if (log.dataset.level && order.indexOf(level) < order.indexOf(log.dataset.level)) return;
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.querySelector("[data-empty]")?.remove();
  const at = new Date(event.at);
  const time = el("time", { class: "muted", datetime: event.at, title: clock(at), text: event.at.slice(11, 19) });
  const line = el("div", { class: `log-line log-${level}` }, time, " ", el("b", { text: level }), " ");
  line.append(el("span", { class: "muted", text: logger }), ` ${message}`);
  log.append(line);
  while (log.children.length > MOST_LOG_LINES) log.firstElementChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function startWallWhenItComes() {
  document.addEventListener("htmx:after:swap", () => {
    if (wall || !document.getElementById("wall")) return;
    wall = startWall(runUrl);
    for (const event of waiting) wall[event.kind]?.(event.data);
    waiting = [];
  });
}

/** Without a socket the page still moves, more slowly. */
function pollWhileCutOff(isLive) {
  setInterval(() => {
    if (isLive() || document.hidden) return;
    for (const part of Object.values(refresh)) part();
  }, POLL_EVERY_MS);
}

startWallWhenItComes();
const log = document.querySelector("[data-live-log]");
if (log) log.scrollTop = log.scrollHeight;
if (document.querySelector("[data-connection]")) {
  let live = false;
  const show = badge();
  followRun({
    run: page.dataset.run,
    since: Number(page.dataset.cursor),
    take: takeAll,
    onState: (state, seconds) => {
      live = state === "live";
      show(state, seconds);
    },
  });
  pollWhileCutOff(() => live);
}

// The wall of desktops: a fixed number of places, each showing one episode until it has ended and another one needs room.
import { el, icon } from "./dom.js";
import { drawOverlay } from "./overlay.js";
import { actionWords, outcomeOf } from "./words.js";

const PLACES = 20;
const SHOWN_AT_FIRST = 10;
const STAY_AFTER_END_MS = 2500;
const RETRY_AFTER_MS = [400, 1000, 2500, 6000];

/** Begin keeping the wall; gives the functions that take events. */
export function startWall(runUrl) {
  const wall = document.getElementById("wall");
  if (!wall) return null;
  const template = document.getElementById("tile-template");
  const started = new Map();
  const endedAt = new Map();
  const outcomes = new Map();

  for (const tile of tiles()) {
    drawTile(tile);
    tile.dataset.shown = tile.dataset.episode;
    if ("ended" in tile.dataset) endedAt.set(tile, 0);
  }
  startMore();

  function tiles() {
    return [...wall.querySelectorAll(".tile")];
  }

  function drawTile(tile) {
    const shot = tile.querySelector(".shot");
    drawOverlay(shot, JSON.parse(shot.dataset.action || "null"), Number(shot.dataset.width), Number(shot.dataset.height));
  }

  function startMore() {
    const more = document.getElementById("wall-more");
    if (!more) return;
    const show = () => {
      more.hidden = tiles().length <= SHOWN_AT_FIRST;
      const all = wall.classList.contains("all");
      more.setAttribute("aria-pressed", String(all));
      more.textContent = all ? "Show fewer" : "Show more";
    };
    more.addEventListener("click", () => {
      wall.classList.toggle("all");
      show();
    });
    show();
    new MutationObserver(show).observe(wall, { childList: true });
  }

  /** The place of an episode: its own, an empty one, or the one whose episode ended longest ago. */
  function placeFor(episode) {
    const all = tiles();
    const own = all.find((tile) => tile.dataset.episode === episode);
    if (own) return own;
    if (all.length < PLACES) {
      const tile = template.content.firstElementChild.cloneNode(true);
      tile.hidden = true;
      wall.append(tile);
      document.getElementById("wall-empty").hidden = true;
      return tile;
    }
    const free = all.filter((tile) => endedAt.has(tile) && Date.now() - endedAt.get(tile) > STAY_AFTER_END_MS);
    // Whoever reads a place, by pointer or keyboard, keeps what is in it.
    const calm = free.filter((tile) => !tile.matches(":hover, :focus-within"));
    calm.sort((a, b) => endedAt.get(a) - endedAt.get(b));
    return calm[0] ?? null;
  }

  function put(tile, name, text) {
    tile.querySelector(`[data-field="${name}"]`).textContent = text;
  }

  function stepTaken(event) {
    if (!event.frame) return;
    const tile = placeFor(event.episode_id);
    if (!tile) return;
    if (tile.dataset.episode !== event.episode_id) {
      started.delete(tile.dataset.episode);
      tile.dataset.episode = event.episode_id;
      delete tile.dataset.step;
      endedAt.delete(tile);
      outcomes.delete(tile);
    }
    load(tile, event);
  }

  /** Whether the step is a later one than what its place shows. */
  function isNews(tile, event) {
    return tile.dataset.episode === event.episode_id && event.index > Number(tile.dataset.step ?? -1);
  }

  /** A picture's bytes may come a moment after the event that names them. A step is shown once they are here, unless a
   * later one is shown by then: waiting for the latest alone, a fast episode would show none. */
  function load(tile, event, tries = 0) {
    const loader = new Image();
    loader.addEventListener("load", () => {
      if (isNews(tile, event)) show(tile, event, loader.src);
    });
    loader.addEventListener("error", () => {
      if (tries === RETRY_AFTER_MS.length) return;
      setTimeout(() => isNews(tile, event) && load(tile, event, tries + 1), RETRY_AFTER_MS[tries]);
    });
    loader.src = `/api/v1/runs/${runUrl.id}/frames/${event.frame.sha256}`;
  }

  /** Picture, drawing and words change together. */
  function show(tile, event, source) {
    const known = started.get(event.episode_id);
    const shot = tile.querySelector(".shot");
    const image = shot.querySelector("img");
    image.src = source;
    image.width = event.frame.width;
    image.height = event.frame.height;
    image.alt = `Screenshot of ${known?.desktop ?? "a desktop"}`;
    drawOverlay(shot, event.action, event.frame.width, event.frame.height);
    tile.querySelector("a").href = `${runUrl.page}episodes/${encodeURIComponent(event.episode_id)}/#step=${event.index + 1}`;
    if (tile.dataset.shown !== event.episode_id) put(tile, "task", known?.instruction ?? "");
    put(tile, "index", String(event.index + 1));
    put(tile, "action", actionWords(event.action));
    put(tile, "thought", event.thought);
    tile.dataset.shown = event.episode_id;
    tile.dataset.step = event.index;
    tile.hidden = false;
    showOutcome(tile);
  }

  function showOutcome(tile) {
    const ended = outcomes.get(tile);
    tile.toggleAttribute("data-ended", Boolean(ended));
    const outcome = ended && outcomeOf(ended);
    const chips = outcome ? [el("span", { class: `chip ${outcome.tone}` }, icon(outcome.icon), outcome.word)] : [];
    tile.querySelector('[data-field="outcome"]').replaceChildren(...chips);
  }

  function episodeEnded(event) {
    const tile = tiles().find((one) => one.dataset.episode === event.episode_id);
    if (!tile) {
      started.delete(event.episode_id);
      return;
    }
    endedAt.set(tile, Date.now());
    outcomes.set(tile, event);
    if (tile.dataset.shown === event.episode_id) showOutcome(tile);
  }

  return {
    EpisodeStarted: (event) => started.set(event.episode_id, event),
    EpisodeStepTaken: stepTaken,
    EpisodeEnded: episodeEnded,
  };
}

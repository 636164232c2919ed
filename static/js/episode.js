// The episode viewer: arrow keys, a scrubber, play, and a deep link to each step. All data is in the page already; of an
// episode under way it comes anew with each step, and who looks at the last step goes along.
import { isTyping, pageData } from "./dom.js";
import { followEpisode } from "./episode_live.js";
import { number } from "./format.js";
import { drawOverlay } from "./overlay.js";

const STEP_MS = 1000;
const SPEEDS = [0.5, 1, 2, 4];
const SMALL_SCREEN = 640;
const ASK_AGAIN_AFTER_MS = [500, 1000, 2000, 4000];

let data = pageData("episode-data");
const byId = (id) => document.getElementById(id);

if (data && byId("viewer")) start();
else if (data?.live) followEpisode(data.live, (page) => page.getElementById("viewer") && location.reload());

function start() {
  const lastPlace = () => (data.ended ? data.steps.length : data.steps.length - 1);
  let last = lastPlace();
  const state = { at: 0, overlay: true, playing: null, speed: 1 };
  byId("scrubber").max = String(last);

  function show(place, { scroll = true } = {}) {
    state.at = Math.max(0, Math.min(last, place));
    const step = data.steps[state.at] ?? null;
    if (step) showStep(step);
    else showEnd();
    byId("scrubber").value = String(state.at);
    byId("position").textContent = step ? `${state.at + 1} / ${data.steps.length}` : "end";
    for (const link of document.querySelectorAll("[data-step]")) {
      const current = Number(link.dataset.step) === state.at;
      if (current) link.setAttribute("aria-current", "step");
      else link.removeAttribute("aria-current");
      if (current && scroll) keepInView(link);
    }
    const hash = step ? `#step=${step.index + 1}` : "#end";
    if (location.hash !== hash) history.replaceState(history.state, "", hash);
    preload(data.steps[state.at + 1]);
  }

  function showStep(step) {
    picture(step.frame, step.width, step.height, `Screenshot of step ${step.index + 1}`);
    byId("said-title").textContent = `Step ${step.index + 1}`;
    byId("did").textContent = step.words;
    byId("thought").textContent = step.thought || "–";
    byId("problem").textContent = step.problem;
    byId("problem-box").hidden = !step.problem;
    byId("raw").textContent = step.raw;
    byId("tokens").textContent = String(step.tokens);
    byId("logprob").textContent = number(step.logprob);
    byId("version").textContent = `version ${step.version}`;
    byId("generate").textContent = `${number(step.generate_s)} s`;
    byId("act").textContent = `${number(step.act_s)} s`;
    said(true);
    drawOverlay(byId("shot"), state.overlay ? step.action : null, step.width, step.height);
  }

  function showEnd() {
    const final = data.final;
    picture(final?.frame, final?.width, final?.height, "The desktop as it was scored");
    byId("said-title").textContent = "The end";
    byId("did").textContent = "The desktop as it was scored";
    said(false);
    drawOverlay(byId("shot"), null, 0, 0);
  }

  function said(visible) {
    for (const node of document.querySelectorAll(".said > *:not(#said-title, #did, #problem-box)")) node.hidden = !visible;
    if (!visible) byId("problem-box").hidden = true;
  }

  function play(on) {
    clearInterval(state.playing);
    state.playing = null;
    if (on) {
      if (state.at >= last) show(0);
      state.playing = setInterval(() => {
        if (state.at >= last) play(false);
        else show(state.at + 1);
      }, STEP_MS / state.speed);
    }
    byId("play").setAttribute("aria-pressed", String(on));
  }

  function changeSpeed(by) {
    const place = Math.max(0, Math.min(SPEEDS.length - 1, SPEEDS.indexOf(state.speed) + by));
    state.speed = SPEEDS[place];
    byId("speed").textContent = `${state.speed}×`;
    if (state.playing) play(true);
  }

  function toggleOverlay() {
    state.overlay = !state.overlay;
    byId("overlay").setAttribute("aria-pressed", String(state.overlay));
    show(state.at, { scroll: false });
  }

  /** The page as it is now, of an episode that went on. */
  function renew(page) {
    const fresh = page.getElementById("episode-data");
    if (!fresh) return;
    const follows = state.at === last && !state.playing;
    data = JSON.parse(fresh.textContent);
    last = lastPlace();
    for (const part of [".episode-head", ".step-list ol"]) document.querySelector(part).replaceWith(page.querySelector(part));
    byId("scrubber").max = String(last);
    show(follows ? last : state.at, { scroll: follows });
  }

  const go = (address) => address && location.assign(address);
  const KEYS = {
    ArrowLeft: () => show(state.at - 1),
    ArrowRight: () => show(state.at + 1),
    Home: () => show(0),
    End: () => show(last),
    " ": () => play(!state.playing),
    o: toggleOverlay,
    "[": () => changeSpeed(-1),
    "]": () => changeSpeed(1),
  };

  document.addEventListener("keydown", (event) => {
    const onScrubber = event.target === byId("scrubber");
    if (event.ctrlKey || event.metaKey || event.altKey || (isTyping(event) && !onScrubber)) return;
    if (event.key === " " && event.target.closest?.("button, summary, a")) return;
    if (event.shiftKey && event.key === "ArrowLeft") go(data.before);
    else if (event.shiftKey && event.key === "ArrowRight") go(data.after);
    else if (KEYS[event.key]) {
      event.preventDefault();
      KEYS[event.key]();
    }
  });
  byId("previous").addEventListener("click", KEYS.ArrowLeft);
  byId("next").addEventListener("click", KEYS.ArrowRight);
  byId("play").addEventListener("click", KEYS[" "]);
  byId("overlay").addEventListener("click", toggleOverlay);
  byId("speed").addEventListener("click", () => changeSpeed(state.speed === SPEEDS.at(-1) ? -SPEEDS.length : 1));
  byId("scrubber").addEventListener("input", (event) => show(Number(event.target.value)));
  document.querySelector(".step-list").addEventListener("click", (event) => {
    const link = event.target.closest("[data-step]");
    if (!link) return;
    event.preventDefault();
    show(Number(link.dataset.step));
  });
  byId("frame").addEventListener("error", missed);
  window.addEventListener("hashchange", () => show(placeInAddress(), { scroll: true }));
  show(placeInAddress(), { scroll: location.hash !== "" });
  if (data.live) followEpisode(data.live, renew);

  function placeInAddress() {
    if (location.hash === "#end") return last;
    const named = Number(/^#step=(\d+)$/.exec(location.hash)?.[1] ?? NaN);
    const place = data.steps.findIndex((step) => step.index + 1 === named);
    return place < 0 ? 0 : place;
  }
}

/** The bytes of a step that was just taken may still be on their way. */
function missed() {
  const image = byId("frame");
  const address = image.getAttribute("src");
  const wait = data.ended ? undefined : ASK_AGAIN_AFTER_MS[Number(image.dataset.tries ?? 0)];
  if (wait === undefined) {
    image.hidden = true;
    byId("no-frame").hidden = false;
    return;
  }
  image.dataset.tries = String(Number(image.dataset.tries ?? 0) + 1);
  setTimeout(() => {
    if (image.getAttribute("src") === address) image.src = address;
  }, wait);
}

function picture(address, width, height, words) {
  const image = byId("frame");
  byId("no-frame").hidden = Boolean(address);
  image.hidden = !address;
  if (!address) return;
  if (image.getAttribute("src") !== address) image.dataset.tries = "0";
  image.src = address;
  image.alt = words;
  fitBox(width, height);
}

/** The box takes the screen's own shape, so that the drawing lies exactly on the picture; a small screen is enlarged by
 * a whole number, so that its pixels stay square. */
function fitBox(width, height) {
  if (!width || !height) return;
  const box = byId("shot");
  const room = box.parentElement.clientWidth - 18;
  const tall = window.innerHeight * 0.68;
  const small = width <= SMALL_SCREEN;
  const times = Math.min(room / width, tall / height);
  const whole = small && times >= 2 ? Math.floor(times) : times;
  box.style.aspectRatio = `${width} / ${height}`;
  box.style.width = `${Math.floor(width * whole) + 2}px`;
  byId("frame").classList.toggle("small-screen", small && times >= 2);
}

function preload(step) {
  if (step?.frame) new Image().src = step.frame;
}

/** Scroll the list of steps, never the page. */
function keepInView(link) {
  const list = link.closest(".step-list");
  const item = link.getBoundingClientRect();
  const box = list.getBoundingClientRect();
  if (item.top < box.top) list.scrollTop -= box.top - item.top;
  else if (item.bottom > box.bottom) list.scrollTop += item.bottom - box.bottom;
  const row = list.firstElementChild;
  if (item.left < box.left) row.scrollLeft -= box.left - item.left;
  else if (item.right > box.right) row.scrollLeft += item.right - box.right;
}

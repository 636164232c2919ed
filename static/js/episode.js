// The episode viewer: keys, a scrubber, play, and a deep link to each step. Steps come page by page; of an episode under
// way they come anew with each step, and who looks at the last step goes along.
import { isTyping, pageData } from "./dom.js";
import { followEpisode } from "./episode_live.js";
import { StepList } from "./episode/list.js";
import { Notes } from "./episode/notes.js";
import { showEndSaid, showSaid, showWaiting } from "./episode/said.js";
import { Stage, preload } from "./episode/stage.js";
import { Steps } from "./episode/store.js";

const STEP_MS = 1000;
const SPEEDS = [0.5, 1, 2, 4];

const data = pageData("episode-data");
const byId = (id) => document.getElementById(id);

if (data && byId("viewer")) start();
else if (data?.live) followEpisode(data.live, (page) => page.getElementById("viewer") && location.reload());

function start() {
  const steps = new Steps(data);
  const stage = new Stage(document.querySelector(".stage"), () => !steps.ended);
  const state = { at: 0, overlay: true, after: false, diff: false, playing: null, speed: 1 };
  const list = new StepList(document.querySelector(".step-list"), steps, (place) => show(place));
  const notes = new Notes(data, (noted) => list.mark(noted));

  function show(place, { scroll = true } = {}) {
    state.at = Math.max(0, Math.min(steps.last, place));
    const end = state.at >= steps.total;
    byId("scrubber").max = String(steps.last);
    byId("scrubber").value = String(state.at);
    byId("scrubber").setAttribute("aria-valuetext", end ? "the end" : `step ${state.at + 1} of ${steps.total}`);
    byId("position").textContent = end ? "end" : `${state.at + 1} / ${steps.total}`;
    list.select(state.at, { scroll });
    notes.show(state.at);
    const hash = end ? "#end" : `#step=${state.at + 1}`;
    if (location.hash !== hash) history.replaceState(history.state, "", hash);
    if (end) showEnd();
    else showStep(state.at);
  }

  async function showStep(place) {
    let step = steps.here(place);
    if (!step) {
      showWaiting(place, "Fetching this step …");
      try {
        step = await steps.need(place);
      } catch (error) {
        if (state.at === place) showWaiting(place, `This step could not be fetched: ${error.message}. Try it again in a moment.`);
        return;
      }
      if (state.at !== place) return;
      if (!step) {
        showWaiting(place, "This step was never recorded.");
        return;
      }
      list.render(true);
    }
    showSaid(step);
    await showPicture(place, step);
    preload(steps.here(place + 1));
  }

  /** The screenshot that the agent saw; or what came of its action; or what that changed. */
  async function showPicture(place, step) {
    if (!state.after && !state.diff) {
      stage.show(step, state.overlay ? step.action : null, `Screenshot of step ${step.index + 1}`);
      return;
    }
    const after = await steps.after(place).catch(() => null);
    if (state.at !== place) return;
    if (state.diff) {
      stage.show(step, null, `Screenshot of step ${step.index + 1}`);
      await stage.showDiff(step, after, `What step ${step.index + 1} changed on the screen`);
    } else {
      stage.show(after, null, `The screen after step ${step.index + 1}`);
      stage.note(`After step ${step.index + 1}`);
    }
  }

  function showEnd() {
    stage.show(steps.final, null, "The desktop as it was scored");
    showEndSaid();
  }

  function play(on) {
    clearInterval(state.playing);
    state.playing = null;
    if (on) {
      if (state.at >= steps.last) show(0);
      state.playing = setInterval(() => {
        if (state.at >= steps.last) play(false);
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

  function toggle(name, other) {
    state[name] = !state[name];
    if (other && state[name]) state[other] = false;
    for (const one of ["overlay", "after", "diff"]) byId(one).setAttribute("aria-pressed", String(state[one]));
    show(state.at, { scroll: false });
  }

  /** The page as it is now, of an episode that went on. */
  function renew(page) {
    const fresh = page.getElementById("episode-data");
    if (!fresh) return;
    const follows = state.at === steps.last && !state.playing;
    const now = JSON.parse(fresh.textContent);
    steps.renew(now);
    document.querySelector(".episode-head").replaceWith(page.querySelector(".episode-head"));
    document.querySelector(".wait-track").replaceWith(page.querySelector(".wait-track"));
    list.renew();
    show(follows ? steps.last : state.at, { scroll: follows });
  }

  const go = (address) => address && location.assign(address);
  const KEYS = {
    ArrowLeft: () => show(state.at - 1),
    ArrowRight: () => show(state.at + 1),
    Home: () => show(0),
    End: () => show(steps.last),
    " ": () => play(!state.playing),
    o: () => toggle("overlay"),
    a: () => toggle("after", "diff"),
    d: () => toggle("diff", "after"),
    "[": () => changeSpeed(-1),
    "]": () => changeSpeed(1),
    m: () => notes.toggleFlag(),
    c: () => notes.focus(),
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
  byId("overlay").addEventListener("click", KEYS.o);
  byId("after").addEventListener("click", KEYS.a);
  byId("diff").addEventListener("click", KEYS.d);
  byId("flag-step")?.addEventListener("click", KEYS.m);
  byId("speed").addEventListener("click", () => changeSpeed(state.speed === SPEEDS.at(-1) ? -SPEEDS.length : 1));
  byId("scrubber").addEventListener("input", (event) => show(Number(event.target.value)));
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-own-window]");
    if (!link) return;
    event.preventDefault();
    window.open(`${link.getAttribute("href")}${location.hash}`, "_blank", "popup,width=1280,height=860");
  });
  window.addEventListener("hashchange", () => show(placeInAddress()));
  notes.tell();
  show(placeInAddress(), { scroll: location.hash !== "" });
  if (data.live) followEpisode(data.live, renew);

  function placeInAddress() {
    if (location.hash === "#end") return steps.last;
    const named = Number(/^#step=(\d{1,6})$/.exec(location.hash)?.[1] ?? 1);
    return named <= steps.total ? named - 1 : 0;
  }
}

// Two episodes with one scrubber: locked they keep their distance, unlocked each goes its way. All of it is in the address:
// #step=7 both at step 7, #step=7&other=9 two steps apart, &lock=off each alone.
import { isTyping, pageData } from "./dom.js";
import { Stage, preload } from "./episode/stage.js";
import { Steps } from "./episode/store.js";

const STEP_MS = 1000;
const data = pageData("pair-data");
const byId = (id) => document.getElementById(id);
const sides = [...document.querySelectorAll("[data-side]")].map((root, place) => makeSide(root, data.sides[place]));
const state = { locked: true, overlay: true, diff: false, active: 0, playing: null };

function makeSide(root, told) {
  const steps = new Steps(told);
  return { root, steps, stage: new Stage(root), at: 0, page: told.page, part: (name) => root.querySelector(`[data-${name}]`) };
}

const clamp = (side, place) => Math.max(0, Math.min(side.steps.last, place));

/** Move one side to a place; a locked other one goes along by as much, and waits at its end. */
function moveTo(which, place) {
  const side = sides[which];
  const by = place - side.at;
  if (state.locked) for (const one of sides) one.at = clamp(one, one.at + by);
  else side.at = clamp(side, place);
  state.active = which;
  draw();
}

function move(by) {
  if (state.locked) {
    for (const side of sides) side.at = clamp(side, side.at + by);
    draw();
  } else moveTo(state.active, sides[state.active].at + by);
}

async function draw() {
  keepInAddress();
  byId("lock").setAttribute("aria-pressed", String(state.locked));
  byId("lock").textContent = state.locked ? "Locked" : "Unlocked";
  byId("overlay").setAttribute("aria-pressed", String(state.overlay));
  byId("diff").setAttribute("aria-pressed", String(state.diff));
  sides.forEach((side, place) => side.root.toggleAttribute("data-active", !state.locked && place === state.active));
  const apart = sides[1].at - sides[0].at;
  byId("pair-note").textContent = state.locked && apart ? `B is ${Math.abs(apart)} step${Math.abs(apart) === 1 ? "" : "s"} ${apart > 0 ? "ahead" : "behind"}` : "";
  const turn = sides.map((side) => side.at).join();
  const shown = await Promise.all(sides.map(drawSide));
  if (!state.diff || turn !== sides.map((side) => side.at).join()) return;
  await sides[1].stage.showDiff(shown[0], shown[1], "Where the screen of B differs from that of A");
}

/** Draw a side; answers the picture it shows. */
async function drawSide(side) {
  const place = side.at;
  const end = place >= side.steps.total;
  const scrubber = side.part("scrubber");
  scrubber.max = String(side.steps.last);
  scrubber.value = String(place);
  side.part("position").textContent = end ? "end" : `${place + 1} / ${side.steps.total}`;
  side.part("open").href = `${side.page}${end ? "#end" : `#step=${place + 1}`}`;
  let step = null;
  try {
    step = end ? null : await side.steps.need(place);
  } catch (error) {
    side.part("did").textContent = `This step could not be fetched: ${error.message}.`;
    return null;
  }
  if (side.at !== place) return null;
  const picture = end ? side.steps.final : step;
  side.part("did").textContent = end ? "The desktop as it was scored" : (step?.words ?? "This step was never recorded.");
  side.part("thought").textContent = step?.thought ?? "";
  side.part("raw").textContent = step?.raw ?? "";
  side.stage.show(picture, state.overlay && !state.diff ? (step?.action ?? null) : null, end ? "The desktop as it was scored" : `Screenshot of step ${place + 1}`);
  preload(side.steps.here(place + 1));
  return picture;
}

function keepInAddress() {
  const [one, other] = sides.map((side) => side.at + 1);
  const words = [`step=${one}`, other === one ? "" : `other=${other}`, state.locked ? "" : "lock=off"];
  const hash = `#${words.filter(Boolean).join("&")}`;
  if (location.hash !== hash) history.replaceState(history.state, "", hash);
}

function readAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  const number = (name, otherwise) => (/^\d{1,6}$/.test(words.get(name) ?? "") ? Number(words.get(name)) : otherwise);
  const one = number("step", 1);
  sides[0].at = clamp(sides[0], one - 1);
  sides[1].at = clamp(sides[1], number("other", one) - 1);
  state.locked = words.get("lock") !== "off";
  draw();
}

function play(on) {
  clearInterval(state.playing);
  state.playing = null;
  if (on) {
    state.playing = setInterval(() => {
      if (sides.every((side) => side.at >= side.steps.last)) play(false);
      else move(1);
    }, STEP_MS);
  }
  byId("play").setAttribute("aria-pressed", String(on));
}

function toggle(name) {
  state[name] = !state[name];
  draw();
}

const KEYS = {
  ArrowLeft: () => move(-1),
  ArrowRight: () => move(1),
  Home: () => toStart(),
  " ": () => play(!state.playing),
  l: () => toggle("locked"),
  o: () => toggle("overlay"),
  d: () => toggle("diff"),
  1: () => choose(0),
  2: () => choose(1),
};

function toStart() {
  for (const [which, side] of sides.entries()) if (state.locked || which === state.active) side.at = 0;
  draw();
}

function choose(which) {
  state.active = which;
  draw();
}

document.addEventListener("keydown", (event) => {
  const onScrubber = event.target.matches?.("[data-scrubber]");
  if (event.ctrlKey || event.metaKey || event.altKey || (isTyping(event) && !onScrubber)) return;
  if (event.key === " " && event.target.closest?.("button, summary, a")) return;
  if (!KEYS[event.key]) return;
  event.preventDefault();
  if (onScrubber) state.active = Number(event.target.closest("[data-side]").dataset.side);
  KEYS[event.key]();
});
sides.forEach((side, which) => {
  side.part("scrubber").addEventListener("input", (event) => moveTo(which, Number(event.target.value)));
  for (const button of side.root.querySelectorAll("[data-move]")) {
    // Its own buttons move one side alone: that is how the distance of locked ones is set.
    button.addEventListener("click", () => {
      state.active = which;
      side.at = clamp(side, side.at + Number(button.dataset.move));
      draw();
    });
  }
});
byId("previous").addEventListener("click", KEYS.ArrowLeft);
byId("next").addEventListener("click", KEYS.ArrowRight);
byId("play").addEventListener("click", KEYS[" "]);
byId("lock").addEventListener("click", KEYS.l);
byId("overlay").addEventListener("click", KEYS.o);
byId("diff").addEventListener("click", KEYS.d);
window.addEventListener("hashchange", readAddress);
readAddress();

// The live page of a try-out: the picture comes with the event, everything else with a look at how it stands.
import { icon, isTyping, pageData, throttled } from "./dom.js";
import { duration } from "./format.js";
import { followRun } from "./socket.js";
import { toast } from "./toast.js";
import { startByHand } from "./tryout/by_hand.js";
import { drawDirections, drawSteps } from "./tryout/lists.js";
import { Mouse } from "./tryout/mouse.js";
import { Screen } from "./tryout/screen.js";
import { sender } from "./tryout/send.js";

const LOOK_EVERY_MS = 200;
const LOOK_ANYWAY_MS = 4000;
const NEWS = new Set([
  "TryoutChanged", "TryoutDirected", "TryoutControl", "EpisodeStarted", "EpisodeStepTaken", "EpisodeEnded",
  "StatusChanged", "PhaseChanged", "RunStarted", "RunEnded",
]);
const SURE = {
  restart: ["Start over?", "This episode ends without a score, and another one begins on a fresh desktop.", "Start over"],
  finish: ["End the try-out?", "", "End it"],
};

const root = document.getElementById("tryout");
const part = (name) => root.querySelector(`[data-part=${name}]`);
const directAddress = document.getElementById("direct").action;
const screen = new Screen(root);
const send = sender(show);
const mouse = new Mouse(screen, (action) => direct("act", { action: JSON.stringify(action) }), showMouse);
let standing = pageData("standing");
let endsAt = null;

function direct(kind, words = {}) {
  return send(directAddress, { kind, ...words });
}

// -- how it stands ----------------------------------------------------------------------------------------------------

const look = throttled(async () => {
  try {
    const answer = await fetch(root.dataset.stateUrl, { headers: { Accept: "application/json" } });
    if (answer.ok) show(await answer.json());
    else if (answer.status === 404) trouble("This try-out is not there any more: nobody kept it, or you left its team.");
  } catch {
    put("sentence", "The console cannot be reached; what you see is from before. It is asked again by itself.");
    part("sentence").classList.add("warned");
  }
}, LOOK_EVERY_MS);

function show(next) {
  const lost = standing.mine && !next.mine;
  standing = next;
  screen.resize(next.screen);
  screen.show(next.frame);
  showState();
  showButtons();
  drawDirections(part("directions"), next.directions);
  part("no-directions").hidden = next.directions.length > 0;
  drawSteps(part("steps"), next.steps, next.episode?.key ?? "");
  part("no-steps").hidden = next.steps.length > 0;
  part("count").textContent = String(next.steps.length ? next.steps.at(-1).index + 1 : 0);
  if (!mouse.has) screen.draw(next.state === "holding" || next.state === "acting" ? next.steps.at(-1)?.action : null);
  showKept();
  if (mouse.has && !next.may.direct) mouse.give();
  if (lost && next.controller) toast(`${next.controller} has the control now; you look on.`, { stay: true });
}

function showState() {
  const { state, ended, status, word, sentence, reason, silent_s: silent } = standing;
  const holder = part("state");
  holder.dataset.state = state;
  holder.replaceChildren(icon(ended ? status : standing.icon), " ", part("word"));
  put("word", ended ? status[0].toUpperCase() + status.slice(1) : word);
  put("sentence", silent && !ended ? silence(silent) : ended || !state ? reason : sentence);
  part("sentence").classList.toggle("warned", Boolean(silent) && !ended);
  put("no-screen-words", ended ? "No screenshot is here." : reason || sentence);
  const bad = ended && status === "failed";
  trouble(bad ? `It failed: ${reason} Begin another one when the cause is mended; what was recorded is still here.` : "");
  part("frame-box").toggleAttribute("data-stale", Boolean(silent) && !ended);
  put("instruction", standing.instruction || "The task's own.");
  part("judged").hidden = standing.judged;
  put("finish-words", standing.judged ? "Score and end" : "End");
  put("size", standing.screen[0] ? ` (${standing.screen[0]} × ${standing.screen[1]})` : "");
  endsAt = standing.idle_s === null || ended ? null : Date.now() + 1000 * standing.idle_s;
  const episode = part("episode");
  episode.hidden = !standing.episode;
  if (standing.episode) episode.href = standing.episode.url;
  count();
}

function showButtons() {
  const { may, state, controller, mine, ended } = standing;
  const over = state === "over";
  for (const button of root.querySelectorAll("[data-kind]")) {
    const kind = button.dataset.kind;
    const fits = { go: state === "holding", step: state === "holding", hold: ["thinking", "acting"].includes(state) };
    button.disabled = !may.direct || (kind in fits && !fits[kind]) || (kind === "finish" && state === "scoring");
  }
  root.querySelector("[data-take]").disabled = !may.direct || over || state === "starting" || state === "scoring";
  part("buttons").hidden = part("phone-bar").hidden = ended;
  part("by-hand").hidden = !may.direct || over;
  part("tell").hidden = !may.direct || over;
  part("take-over").hidden = !may.take_over;
  part("stop").hidden = !may.stop;
  const who = mine ? "You have the control; others of the team look on." : `${controller || "Nobody"} has the control; you look on.`;
  put("who", ended ? "" : who);
}

function showKept() {
  const { kept, may, ended } = standing;
  part("kept").hidden = part("unkeep").hidden = !kept.at;
  part("keep").hidden = !may.keep;
  put("keep-words", kept.at ? "Save the note" : "Keep it");
  part("kept-note").hidden = !kept.note;
  put("kept-note", kept.note);
  const goes = kept.goes_at ? `Not kept: removed on ${new Date(kept.goes_at).toLocaleString()}.` : "Unless somebody keeps it, it is removed a day after its end.";
  put("goes", kept.at ? `Kept by ${kept.by || "somebody who left"}: it stays in the history.` : ended ? goes : "Unless somebody keeps it, it is removed a day after its end.");
}

function put(name, text) {
  const node = part(name);
  if (node.textContent !== text) node.textContent = text;
}

/** Said where a sentence stands anyway: nothing may move under somebody's mouse. */
function silence(seconds) {
  return `Nothing was heard of the engine for ${duration(seconds)}; what you see is from before. What you direct waits for it.`;
}

function trouble(words) {
  const banner = part("trouble");
  banner.hidden = !words;
  const line = banner.querySelector("p");
  if (line.textContent !== words) line.textContent = words;
}

function count() {
  part("idle").hidden = endsAt === null;
  if (endsAt !== null) put("idle-left", duration((endsAt - Date.now()) / 1000));
}

// -- what a person does -----------------------------------------------------------------------------------------------

function showMouse(has) {
  part("frame-box").toggleAttribute("data-mine", has);
  screen.box.toggleAttribute("data-mine", has);
  if (has) screen.draw(null);
  part("mouse-line").toggleAttribute("data-off", !has);
  const button = root.querySelector("[data-take]");
  button.setAttribute("aria-pressed", String(has));
  if (!has) button.focus({ preventScroll: true });
}

async function takeMouse() {
  if (mouse.has) {
    mouse.give();
    return;
  }
  // The agent and a person do not act at the same time.
  if (standing.state !== "holding" && !(await direct("hold"))) return;
  mouse.take();
}

async function sure(kind) {
  const [title, words, yes] = SURE[kind];
  put("sure-title", title);
  put("sure-words", words || (standing.judged ? "The desktop is scored as it stands, and freed." : "Nothing is scored, since words of your own were followed. The desktop is freed."));
  put("sure-yes", yes);
  const dialog = document.getElementById("sure");
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((closed) => dialog.addEventListener("close", closed, { once: true }));
  return dialog.returnValue === "yes";
}

root.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { kind, post } = button.dataset;
  if (kind && (!SURE[kind] || (await sure(kind)))) direct(kind);
  if (post) send(post, {});
  if ("take" in button.dataset) takeMouse();
  if ("give" in button.dataset) mouse.give();
});
document.getElementById("tell").addEventListener("submit", async (event) => {
  event.preventDefault();
  const box = document.getElementById("tell-text");
  if (!box.value.trim()) box.focus();
  else if (await direct("instruct", { text: box.value })) box.value = "";
});
document.getElementById("keep").addEventListener("submit", (event) => {
  event.preventDefault();
  send(event.target.action, { keep: event.submitter?.value ?? "yes", note: document.getElementById("keep-note").value });
});
document.addEventListener("keydown", (event) => {
  if (mouse.has || isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  const wanted = { " ": standing.state === "holding" ? "go" : "hold", ".": "step" }[event.key];
  const button = wanted ? root.querySelector(`[data-kind=${wanted}]`) : event.key === "t" ? root.querySelector("[data-take]") : null;
  if (!button || button.disabled || event.target.closest?.("button, a, summary, dialog")) return;
  event.preventDefault();
  button.click();
});
startByHand(document.getElementById("by-hand"), (action) => direct("act", { action: JSON.stringify(action) }));

// -- what comes -------------------------------------------------------------------------------------------------------

function take(fresh) {
  const picture = fresh.findLast((event) => event.kind === "TryoutChanged" && event.data.frame);
  if (picture) screen.show(`/api/v1/runs/${root.dataset.run}/frames/${picture.data.frame.sha256}`);
  if (fresh.some((event) => NEWS.has(event.kind))) look();
}

show(standing);
if (!standing.ended) {
  followRun({ run: root.dataset.run, since: Number(root.dataset.cursor), take });
  setInterval(count, 1000);
  // Whether the engine still speaks is no event.
  setInterval(() => document.hidden || standing.ended || look(), LOOK_ANYWAY_MS);
}

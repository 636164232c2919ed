// What the agent said at a step, beside the screenshot.
import { number } from "../format.js";

const byId = (id) => document.getElementById(id);

export function showSaid(step) {
  byId("said-title").textContent = `Step ${step.index + 1}`;
  byId("did").textContent = step.words;
  byId("by-box").hidden = !step.by;
  byId("by").textContent = step.by;
  byId("thought").textContent = step.thought || "–";
  byId("problem").textContent = step.problem;
  byId("problem-box").hidden = !step.problem;
  byId("raw").textContent = step.raw;
  byId("tokens").textContent = String(step.tokens);
  byId("logprob").textContent = number(step.logprob);
  byId("version").textContent = `version ${step.version}`;
  byId("generate").textContent = `${number(step.generate_s)} s`;
  byId("act").textContent = `${number(step.act_s)} s`;
  byId("spoken").hidden = false;
}

export function showEndSaid() {
  byId("said-title").textContent = "The end";
  byId("did").textContent = "The desktop as it was scored";
  byId("by-box").hidden = true;
  byId("spoken").hidden = true;
}

/** While a page of steps is fetched, or when it could not be. */
export function showWaiting(place, words) {
  byId("said-title").textContent = `Step ${place + 1}`;
  byId("did").textContent = words;
  byId("by-box").hidden = true;
  byId("spoken").hidden = true;
}

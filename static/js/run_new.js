// The new-run form while it is filled: shows what counts, marks what changed, asks the server to check.
import { pageData } from "./dom.js";

const CHECK_AFTER_MS = 350;

const form = document.getElementById("new-run");
let timer = null;

function valueOf(path) {
  const field = form.elements[`c.${path}`];
  return field ? field.value : null;
}

/** Parts that only count for another choice are hidden; their values stay. */
function showWhatCounts() {
  for (const part of form.querySelectorAll("[data-only]")) {
    part.hidden = !part.dataset.values.split(" ").includes(valueOf(part.dataset.only));
  }
}

function same(input) {
  if (input.type === "checkbox") return input.checked === (input.dataset.base === "on");
  if (input.value === input.dataset.base) return true;
  const [a, b] = [input.value.trim(), input.dataset.base];
  return a !== "" && b !== "" && Number(a) === Number(b);
}

function markChanged() {
  for (const input of form.querySelectorAll("[data-base]")) {
    input.closest(".field").classList.toggle("changed", !same(input));
  }
  for (const part of form.querySelectorAll("[data-advanced]")) {
    const changed = part.querySelectorAll(".field.changed").length;
    part.querySelector("[data-changed-count]").textContent = changed ? `· ${changed} changed` : "";
  }
}

/** The server's word on how many runs the form makes: the button says it, and the form sends it back. */
function showCount() {
  const count = form.ownerDocument.querySelector("[data-runs-count]")?.dataset.runsCount;
  const words = form.querySelector("[data-start-words]");
  if (!count || !words) return;
  form.elements.runs_shown.value = count;
  words.textContent = Number(count) > 1 ? `Start ${count} runs` : words.dataset.one;
}

/** The fields of the other ways to start are put away; their values stay. */
function showWhen() {
  const when = form.elements.when.value;
  for (const part of form.querySelectorAll("[data-when]")) part.hidden = !part.dataset.when.split(" ").includes(when);
}

function useOwnZone() {
  const field = form.querySelector("[data-own-zone]");
  if (field?.value === "UTC") field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

/** Show only what is changed, so that a clone is read at a glance. */
function startOnlyChanged() {
  const button = document.querySelector("[data-only-changed]");
  button?.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    form.toggleAttribute("data-changed-only", on);
    if (on) for (const part of form.querySelectorAll("details:has(.field.changed)")) part.open = true;
  });
}

function showErrors() {
  const errors = pageData("form-errors") ?? {};
  for (const holder of form.querySelectorAll(".field-error")) {
    const path = holder.id.replace(/^e-/, "");
    const text = errors[path] ?? "";
    if (holder.textContent !== text) holder.textContent = text;
    const input = document.getElementById(`f-${path}`);
    if (text) input?.setAttribute("aria-invalid", "true");
    else input?.removeAttribute("aria-invalid");
  }
}

function openWhatNeedsEyes() {
  for (const part of form.querySelectorAll("[data-advanced]")) {
    const invalid = [...part.querySelectorAll(".field-error")].some((holder) => holder.textContent.trim());
    const cloned = form.elements.clone && part.querySelector(".field.changed");
    if (invalid || cloned) part.open = true;
  }
}

function checkSoon() {
  document.getElementById("preflight")?.classList.add("outdated");
  showWhatCounts();
  showWhen();
  markChanged();
  clearTimeout(timer);
  timer = setTimeout(() => document.body.dispatchEvent(new CustomEvent("arpo:check")), CHECK_AFTER_MS);
}

function limitPaste(area) {
  const error = document.getElementById(`${area.id}-error`);
  area.addEventListener("input", () => {
    const size = new Blob([area.value]).size;
    const most = Number(area.dataset.maxBytes);
    const tooLarge = size > most;
    error.textContent = tooLarge ? `This is ${Math.round(size / 1024)} kB; paste at most ${most / 1024} kB.` : "";
    area.form.querySelector("button").disabled = tooLarge;
  });
}

form.addEventListener("input", checkSoon);
form.addEventListener("change", checkSoon);
form.addEventListener("submit", () => {
  // One press, one run: a second press while the first is on its way does nothing.
  const button = form.querySelector("button[type=submit]");
  if (button) button.disabled = true;
});
window.addEventListener("pageshow", () => {
  const button = form.querySelector("button[type=submit]");
  if (button) button.disabled = false;
});
document.addEventListener("htmx:after:swap", (event) => {
  const { target } = event.detail?.ctx ?? {};
  if (target?.id === "preflight") target.classList.remove("outdated");
  showErrors();
  showCount();
});
document.addEventListener("click", (event) => {
  const link = event.target.closest?.('a[href^="#f-"]');
  if (!link) return;
  const target = document.getElementById(link.getAttribute("href").slice(1));
  target?.closest("details")?.setAttribute("open", "");
  target?.focus();
});

useOwnZone();
showWhatCounts();
showWhen();
showCount();
startOnlyChanged();
markChanged();
openWhatNeedsEyes();
document.querySelectorAll("textarea[data-max-bytes]").forEach(limitPaste);
document.getElementById("problems")?.focus();
document.getElementById("imported")?.scrollIntoView();

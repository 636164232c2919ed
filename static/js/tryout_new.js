// The page on which a try-out is begun: shows the fields of what is chosen, looks at desktops, lists the set's tasks.
import { csrfToken } from "./dom.js";

const LOOK_EVERY_MS = 2000;
const form = document.getElementById("try-form");
const look = form.querySelector("[data-look]");
const source = document.getElementById("try-source");

const value = (name) => form.querySelector(`[name=${name}]:checked`)?.value ?? "";

function showFields() {
  const model = value("model");
  for (const part of form.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(model);
}

async function desktops(method, all = "") {
  const words = new URLSearchParams({ desktop: value("desktop"), all });
  const address = form.querySelector("[data-look]")?.dataset.look;
  const post = method === "POST";
  try {
    const answer = await fetch(post ? address : `${address}?${words}`, {
      method,
      headers: post ? { "X-CSRFToken": csrfToken(), "HX-Request": "true" } : { "HX-Request": "true" },
      body: post ? words : undefined,
    });
    if (answer.ok) replaceDesktops(await answer.text());
  } catch {
    // What is shown stays; the run's own preflight says it before the start anyway.
  }
  if (document.querySelector("#try-desktops[data-checking]")) setTimeout(() => desktops("GET"), LOOK_EVERY_MS);
}

/** What a person is at stays as it is: the choice, and the focus. */
function replaceDesktops(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("try-desktops");
  const focused = document.activeElement?.closest("#try-desktops") ? document.activeElement.value : "";
  const chosen = value("desktop");
  document.getElementById("try-desktops").replaceWith(fresh);
  const same = fresh.querySelector(`[value="${CSS.escape(chosen)}"]:not(:disabled)`);
  (same ?? fresh.querySelector("[name=desktop]")).checked = true;
  if (focused) fresh.querySelector(`[value="${CSS.escape(focused)}"]`)?.focus();
}

async function tasks() {
  const answer = await fetch(`${source.dataset.tasks}?${new URLSearchParams({ source: source.value })}`, {
    headers: { "HX-Request": "true" },
  }).catch(() => null);
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("try-task");
  document.getElementById("try-task").replaceWith(fresh);
}

/** Tasks of small windows do not begin on real applications, and the other way round: a set that fits is chosen. */
function fitTasks() {
  const pocket = value("desktop") === "pocket" ? "yes" : "no";
  if (source.selectedOptions[0]?.dataset.pocket === pocket) return;
  const fitting = [...source.options].find((option) => option.dataset.pocket === pocket);
  if (!fitting) return;
  source.value = fitting.value;
  tasks();
}

form.addEventListener("change", (event) => {
  if (event.target.name === "model") showFields();
  if (event.target.name === "desktop") {
    fitTasks();
    if (document.querySelector("#try-desktops[data-checking]")) desktops("GET");
  }
  if (event.target === source) tasks();
});
look?.addEventListener("click", () => desktops("POST", "yes"));
showFields();
document.getElementById("problems")?.focus();
if (look) desktops("POST");

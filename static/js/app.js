// What every page needs: theme, density, clock, keys, menus, and a word when a request fails.
import { csrfToken } from "./dom.js";
import { startKeyboard } from "./keyboard.js";
import { startSetupBanner } from "./setup_banner.js";
import { startThumbnails } from "./thumbnails.js";
import { startClock } from "./time.js";
import { toast, undoable } from "./toast.js";

function remember(name, value) {
  try {
    localStorage.setItem(`arpo.${name}`, value);
  } catch {
    // Not kept then; the choice holds for this page.
  }
}

function startTheme() {
  const root = document.documentElement;
  document.querySelector("[data-toggle-theme]")?.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    remember("theme", root.dataset.theme);
    document.dispatchEvent(new CustomEvent("arpo:theme"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    document.dispatchEvent(new CustomEvent("arpo:theme"));
  });
}

// On a phone the tabs are wider than the screen; the one that is open is shown.
function showTab() {
  const tab = document.querySelector(".tabs [aria-current]");
  if (tab) tab.parentElement.scrollLeft = tab.offsetLeft + tab.offsetWidth / 2 - tab.parentElement.clientWidth / 2;
}

function startDensity() {
  const root = document.documentElement;
  const button = document.querySelector("[data-toggle-density]");
  if (!button) return;
  const show = () => button.setAttribute("aria-pressed", String(root.dataset.density === "compact"));
  show();
  button.addEventListener("click", () => {
    root.dataset.density = root.dataset.density === "compact" ? "comfortable" : "compact";
    remember("density", root.dataset.density);
    show();
  });
}

function startMenus() {
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}

function startRequests() {
  document.addEventListener("htmx:config:request", (event) => {
    event.detail.ctx.request.headers["X-CSRFToken"] = csrfToken();
  });
  document.addEventListener("htmx:before:response", (event) => {
    const { response, sourceElement } = event.detail.ctx;
    const said = decodeURIComponent(response.headers.get("X-Said") ?? "");
    if (response.status < 400 || response.status === 422) {
      const undo = sourceElement?.dataset.undo;
      if (said && undo) undoable(said, () => htmx.ajax("POST", undo, { target: "#run-head", swap: "outerMorph" }));
      else if (said) toast(said);
      return;
    }
    event.preventDefault();
    if (response.status === 401) toast("Your session has ended. Sign in again in another tab, then repeat this.", { stay: true });
    else toast(said || `The console answered ${response.status}; what you see is from before. Try again in a moment.`);
  });
  document.addEventListener("htmx:error", () => {
    toast("The console cannot be reached; what you see is from before. It is tried again when you repeat this.");
  });
}

function startDialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest?.("[data-open-dialog]");
    if (opener) document.getElementById(opener.dataset.openDialog)?.showModal();
    if (event.target.closest?.("[data-close-dialog]")) event.target.closest("dialog")?.close();
  });
  document.addEventListener("input", (event) => {
    const word = event.target.dataset?.confirmWord;
    if (word) event.target.form.querySelector("[type=submit]").disabled = event.target.value.trim() !== word;
  });
}

startTheme();
showTab();
startDensity();
startMenus();
startThumbnails();
startRequests();
startDialogs();
startClock();
startKeyboard();
startSetupBanner();

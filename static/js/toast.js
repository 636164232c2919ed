// Short messages in the corner; one of them can offer to take back what was just done.
import { el } from "./dom.js";

const UNDO_SECONDS = 5;

/** Say something; it leaves by itself unless it is an error. */
export function toast(message, { tone = "", stay = false } = {}) {
  const close = el("button", { class: "quiet square", type: "button", "aria-label": "Dismiss", text: "×" });
  const box = el("div", { class: `toast ${tone}`, role: "status" }, el("p", { text: message }), close);
  close.addEventListener("click", () => box.remove());
  document.getElementById("toasts").append(box);
  if (!stay) setTimeout(() => box.remove(), 6000);
  return box;
}

/** Say what was done and offer, for five seconds, to take it back. */
export function undoable(message, takeBack) {
  const undo = el("button", { type: "button", text: `Undo (${UNDO_SECONDS})` });
  const box = el("div", { class: "toast", role: "status" }, el("p", { text: message }), undo);
  document.getElementById("toasts").append(box);
  let left = UNDO_SECONDS;
  const timer = setInterval(() => {
    left -= 1;
    undo.textContent = `Undo (${left})`;
    if (left <= 0) finish();
  }, 1000);
  const finish = () => {
    clearInterval(timer);
    box.remove();
  };
  undo.addEventListener("click", () => {
    finish();
    takeBack();
  });
}

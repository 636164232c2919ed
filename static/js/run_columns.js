// The dialog in which columns are chosen: up and down move one, Add takes a setting or metric by its name.
import { el } from "./dom.js";

/** Listen for the dialog's buttons. */
export function startColumns() {
  document.addEventListener("click", (event) => {
    const move = event.target.closest?.("[data-columns] [data-move]");
    if (move) moveColumn(move);
    if (event.target.closest?.("[data-columns] [data-add-column]")) addColumn();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.id !== "more-columns" || !event.target.value.trim()) return;
    event.preventDefault();
    addColumn();
  });
}

function moveColumn(button) {
  const item = button.closest("li");
  const other = button.dataset.move === "up" ? item.previousElementSibling : item.nextElementSibling;
  if (!other) return;
  if (button.dataset.move === "up") other.before(item);
  else other.after(item);
  button.focus();
}

function addColumn() {
  const box = document.getElementById("more-columns");
  const list = document.querySelector("[data-column-list]");
  const last = [...list.querySelectorAll("li")].filter((item) => item.querySelector("input").checked).pop();
  for (const name of box.value.split(",").map((word) => word.trim()).filter(Boolean)) {
    const there = [...list.querySelectorAll("input")].find((input) => input.value === name);
    if (there) there.checked = true;
    else insert(list, last, name);
  }
  box.value = "";
  box.focus();
}

function insert(list, last, name) {
  const move = (way, arrow, words) =>
    el("button", { type: "button", class: "quiet square", "data-move": way, "aria-label": `${name} ${words}`, text: arrow });
  const item = el("li", {},
    el("label", { class: "check" }, el("input", { type: "checkbox", name: "col", value: name, checked: true }), " ",
      el("span", { text: name })),
    move("up", "↑", "further left"), move("down", "↓", "further right"));
  if (last) last.after(item);
  else list.prepend(item);
  item.scrollIntoView({ block: "nearest" });
}

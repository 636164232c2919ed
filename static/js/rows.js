// j, k and Enter in a list of rows, as in a mail program.
import { isTyping } from "./dom.js";

/** Let the keys move through the rows of `selector`; each row has one link of class row-link. */
export function startRowKeys(selector) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    if (event.key === "j") select(1);
    else if (event.key === "k") select(-1);
    else if (event.key === "Enter" && document.activeElement === document.body) open();
  });

  const rows = () => [...document.querySelectorAll(selector)];

  function select(by) {
    const all = rows();
    if (!all.length) return;
    const now = all.findIndex((row) => "selected" in row.dataset);
    const next = now < 0 ? (by > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, now + by));
    for (const row of all) delete row.dataset.selected;
    all[next].dataset.selected = "";
    all[next].scrollIntoView({ block: "nearest" });
    all[next].querySelector("a.row-link")?.focus({ preventScroll: true });
  }

  function open() {
    rows()
      .find((row) => "selected" in row.dataset)
      ?.querySelector("a.row-link")
      ?.click();
  }
}

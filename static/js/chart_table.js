// The numbers of a chart as tables, for who does not see it; and what happened, as a list.
import { el } from "./dom.js";
import { number } from "./format.js";

/** What stands below a chart. */
export function tables(title, series, marks, stepWord) {
  const blocks = series.map(({ name, points, odd }) => {
    const cells = [...points.map(([step, value]) => [step, number(value)]), ...odd];
    cells.sort(([one], [other]) => one - other);
    const head = el("tr", {}, el("th", { scope: "row", text: stepWord }), ...cells.map(([step]) => el("td", { class: "num", text: step })));
    const row = el("tr", {}, el("th", { scope: "row", text: name }), ...cells.map(([, text]) => el("td", { class: "num", text })));
    const table = el("table", {}, el("caption", { class: "visually-hidden", text: `${title}: ${name}` }), el("tbody", {}, head, row));
    return el("div", { class: "table-scroll", tabindex: "0", role: "group", "aria-label": `${title}: ${name}` }, table);
  });
  if (marks.length) {
    const lines = marks.map(({ step, words }) => el("li", { text: step === null ? words : `step ${step}: ${words}` }));
    blocks.push(el("details", {}, el("summary", { text: `What happened (${marks.length})` }), el("ul", {}, ...lines)));
  }
  return blocks;
}

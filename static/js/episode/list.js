// The list of steps: only those near the part that is looked at are in the page, however many there are.
import { el, icon } from "../dom.js";

const ROW = 58;
const COLUMN = 84;
const AROUND = 20;
const PHONE = "(max-width: 760px)";

export class StepList {
  /** `onChoose(place)` when somebody chooses a step. */
  constructor(root, steps, onChoose) {
    this.root = root;
    this.steps = steps;
    this.list = root.querySelector("ol");
    this.phone = matchMedia(PHONE);
    this.current = 0;
    this.noted = new Map();
    root.addEventListener("scroll", () => this.render(), { passive: true });
    this.list.addEventListener("scroll", () => this.render(), { passive: true });
    this.phone.addEventListener("change", () => this.render(true));
    root.addEventListener("click", (event) => {
      const link = event.target.closest("[data-step]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      onChoose(Number(link.dataset.step));
    });
    this.render(true);
  }

  /** The scroller of this layout: the box itself, or on a phone the row in it. */
  get scroller() {
    return this.phone.matches ? this.list : this.root;
  }

  get size() {
    return this.phone.matches ? COLUMN : ROW;
  }

  /** Places with notes: place to whether one of them is a flag. */
  mark(noted) {
    this.noted = noted;
    this.render(true);
  }

  renew() {
    this.render(true);
  }

  select(place, { scroll }) {
    this.current = place;
    if (scroll) this.keepInView(place);
    this.render(true);
  }

  keepInView(place) {
    const scroller = this.scroller;
    const from = place * this.size;
    const [now, room] = this.phone.matches ? [scroller.scrollLeft, scroller.clientWidth] : [scroller.scrollTop, scroller.clientHeight];
    let next = now;
    if (from < now) next = from;
    else if (from + this.size > now + room) next = from + this.size - room;
    if (next !== now) scroller[this.phone.matches ? "scrollLeft" : "scrollTop"] = next;
  }

  render(anew = false) {
    const count = this.steps.last + 1;
    const scroller = this.scroller;
    const [now, room] = this.phone.matches ? [scroller.scrollLeft, scroller.clientWidth] : [scroller.scrollTop, scroller.clientHeight];
    const first = Math.max(0, Math.floor(now / this.size) - AROUND);
    const end = Math.min(count, Math.ceil((now + room) / this.size) + AROUND);
    if (!anew && this.first <= Math.max(0, first + AROUND / 2) && this.end >= Math.min(count, end - AROUND / 2)) return;
    [this.first, this.end] = [first, end];
    const rows = [];
    for (let place = first; place < end; place += 1) rows.push(this.row(place));
    this.list.replaceChildren(this.space(first), ...rows, this.space(count - end));
    this.fetchMissing(first, end);
  }

  async fetchMissing(first, end) {
    for (const place of [first, end - 1, Math.floor((first + end) / 2)]) {
      if (place >= this.steps.total || place < 0 || this.steps.here(place)) continue;
      try {
        await this.steps.need(place);
        this.render(true);
      } catch {
        return; // The list keeps its numbers; the step itself says what is wrong when it is chosen.
      }
    }
  }

  space(rows) {
    const item = el("li", { class: "step-space", "aria-hidden": "true" });
    item.style[this.phone.matches ? "flexBasis" : "height"] = `${rows * this.size}px`;
    item.hidden = rows === 0;
    return item;
  }

  row(place) {
    const end = place === this.steps.total;
    const step = end ? this.steps.final : this.steps.here(place);
    const thumb = el("span", { class: "step-thumb" });
    if (step?.thumb) thumb.append(el("img", { src: step.thumb, alt: "", loading: "lazy" }));
    const words = el("span", { class: "step-words" });
    if (end) words.append(el("span", { text: `The end: ${this.steps.outcome}` }));
    else words.append(el("span", { class: "step-number", text: String(place + 1) }), " ", step ? icon(step.icon) : "", ` ${step ? step.words : "…"}`);
    if (step?.problem) words.append(" ", el("span", { class: "chip bad", text: "unreadable" }));
    if (step?.by) words.append(" ", el("span", { class: "chip odd" }, icon("user"), step.by));
    if (this.noted.has(place)) words.append(" ", el("span", { class: "noted", title: "Has notes" }, icon(this.noted.get(place) ? "flag" : "log"), el("span", { class: "visually-hidden", text: "has notes" })));
    const link = el("a", { href: end ? "#end" : `#step=${place + 1}`, "data-step": String(place), title: step?.words }, thumb, words);
    if (place === this.current) link.setAttribute("aria-current", "step");
    return el("li", { "aria-setsize": String(this.steps.last + 1), "aria-posinset": String(place + 1) }, link);
  }
}

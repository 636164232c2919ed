// The box in which queries are typed: what can be written next is offered below it, and the list follows.
import { el } from "./dom.js";

const SEARCH_AFTER_MS = 450;
const OFFER_AFTER_MS = 120;
// A field and an operator without a value yet: the list waits until there is one.
const UNFINISHED = /(?:^|\s)-?[^\s:=<>!"]+(?:[:=<>]|!=|>=|<=)$/;

/** Make every box with data-query-box a combobox. */
export function startQueryBox() {
  for (const holder of document.querySelectorAll("[data-query-box]")) new QueryBox(holder);
  document.addEventListener("focusin", (event) => {
    if (event.target.getAttribute?.("list") === "names") fillNames();
  });
}

class QueryBox {
  constructor(holder) {
    this.input = holder.querySelector("input");
    this.list = holder.querySelector("[role=listbox]");
    this.address = holder.dataset.complete;
    this.active = -1;
    this.asked = 0;
    this.input.addEventListener("input", () => this.typed());
    // A form that follows every change would ask again, for what was searched already or is not whole yet.
    this.input.addEventListener("change", (event) => event.stopPropagation());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    this.input.addEventListener("click", () => this.offerSoon());
    this.list.addEventListener("mousedown", (event) => {
      event.preventDefault();
      const item = event.target.closest("li");
      if (item) this.choose([...this.list.children].indexOf(item));
    });
  }

  typed() {
    this.offerSoon();
    clearTimeout(this.searching);
    if (!UNFINISHED.test(this.input.value)) this.searching = setTimeout(() => this.begun() || this.search(), SEARCH_AFTER_MS);
  }

  /** Whether the word at the caret is the beginning of a name that is offered: nobody means it as a word by itself. */
  begun() {
    const word = this.input.value.slice(0, this.input.selectionStart ?? 0).split(/\s/).pop().replace(/^-/, "").toLowerCase();
    return word !== "" && !this.list.hidden && this.found.offers.some((offer) => !offer.done && offer.text.startsWith(word));
  }

  search() {
    clearTimeout(this.searching);
    this.input.form.dispatchEvent(new CustomEvent("arpo:search"));
  }

  offerSoon() {
    clearTimeout(this.offering);
    this.offering = setTimeout(() => this.offer(), OFFER_AFTER_MS);
  }

  async offer() {
    const turn = ++this.asked;
    const at = this.input.selectionStart ?? this.input.value.length;
    const words = new URLSearchParams({ q: this.input.value, at: String(at) });
    try {
      const response = await fetch(`${this.address}?${words}`, { headers: { Accept: "application/json" } });
      if (!response.ok || turn !== this.asked || document.activeElement !== this.input) return;
      this.found = await response.json();
    } catch {
      return;
    }
    if (this.found.offers.length) this.open();
    else this.close();
  }

  open() {
    this.active = -1;
    this.list.replaceChildren(
      ...this.found.offers.map((offer, place) =>
        el("li", { role: "option", id: `offer-${place}`, "aria-selected": "false" },
          el("code", { text: offer.text }), el("span", { text: offer.detail })),
      ),
    );
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.input.removeAttribute("aria-activedescendant");
  }

  close() {
    clearTimeout(this.offering);
    this.asked += 1;
    this.list.hidden = true;
    this.active = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  key(event) {
    const open = !this.list.hidden;
    if (event.key === "Escape" && open) {
      // While something of the list is marked, Escape is about the list; else it leaves the box as on every page.
      if (this.active >= 0) {
        event.stopPropagation();
        event.preventDefault();
      }
      this.close();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !open) {
      event.preventDefault();
      this.offer();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.move(event.key === "ArrowDown" ? 1 : -1);
    } else if ((event.key === "Enter" || event.key === "Tab") && open && this.active >= 0) {
      event.preventDefault();
      this.choose(this.active);
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.close();
      this.search();
    }
  }

  move(by) {
    const items = [...this.list.children];
    this.active = (this.active + by + items.length + (this.active < 0 && by < 0 ? 1 : 0)) % items.length;
    items.forEach((item, place) => item.setAttribute("aria-selected", String(place === this.active)));
    items[this.active].scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", items[this.active].id);
  }

  choose(place) {
    const offer = this.found.offers[place];
    const text = this.input.value;
    const put = offer.text + (offer.done ? " " : "");
    this.input.value = text.slice(0, this.found.start) + put + text.slice(this.found.end).trimStart();
    const caret = this.found.start + put.length;
    this.input.focus();
    this.input.setSelectionRange(caret, caret);
    this.close();
    if (offer.done) this.search();
    else this.offerSoon();
  }
}

/** Names of settings and metrics are asked for when somebody is about to type one. */
async function fillNames() {
  const names = document.getElementById("names");
  if (!names || names.dataset.filled) return;
  names.dataset.filled = "yes";
  const response = await fetch(names.dataset.names, { headers: { "HX-Request": "true" } });
  // Made by our own template, where every name is escaped.
  if (response.ok) names.innerHTML = await response.text();
}

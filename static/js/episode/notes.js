// Notes of people at the steps: read by everybody, written by runners, taken away by their authors.
import { csrfToken, el, icon } from "../dom.js";
import { ago } from "../format.js";
import { toast } from "../toast.js";

const byId = (id) => document.getElementById(id);

export class Notes {
  /** `onChange` gets a map from places with notes to whether one of them is a flag. */
  constructor(data, onChange) {
    this.data = data;
    this.onChange = onChange;
    this.notes = data.notes;
    this.place = 0;
    this.form = byId("note-form");
    this.form?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
    byId("notes").addEventListener("click", (event) => {
      const button = event.target.closest("[data-remove]");
      if (button) this.send(`${this.data.note}${button.dataset.remove}/remove/`, new FormData());
    });
  }

  /** Flag the step that is looked at, or take one's own flag back. */
  toggleFlag() {
    if (!this.form) return;
    const own = this.notes.find((note) => note.index === this.place && note.flagged && note.author === this.data.person && !note.text && !note.label);
    if (own) {
      this.send(`${this.data.note}${own.id}/remove/`, new FormData());
      return;
    }
    const words = new FormData();
    words.set("index", String(this.place));
    words.set("flagged", "yes");
    this.send(this.data.note, words);
  }

  focus() {
    this.form?.querySelector("textarea").focus();
  }

  async save() {
    const words = new FormData(this.form);
    words.set("index", String(this.place));
    if (await this.send(this.data.note, words)) this.form.reset();
  }

  async send(address, words) {
    try {
      const response = await fetch(address, { method: "POST", body: words, headers: { "X-CSRFToken": csrfToken(), Accept: "application/json" } });
      const answer = response.headers.get("Content-Type")?.includes("json") ? await response.json() : {};
      if (!response.ok) {
        toast(answer.refused ?? `The console answered ${response.status}; the note was not kept.`, { stay: true });
        return false;
      }
      this.notes = answer.notes;
      this.show(this.place);
      this.tell();
      return true;
    } catch {
      toast("The console cannot be reached; the note was not kept. What you wrote is still here.");
      return false;
    }
  }

  tell() {
    const noted = new Map();
    for (const note of this.notes) noted.set(note.index, Boolean(noted.get(note.index)) || note.flagged);
    this.onChange(noted);
  }

  show(place) {
    this.place = place;
    const here = this.notes.filter((note) => note.index === place);
    byId("notes").replaceChildren(...here.map((note) => this.item(note)));
    byId("no-notes").hidden = here.length > 0;
  }

  item(note) {
    const head = el("p", { class: "note-head muted small" }, el("b", { text: note.by }), " ");
    head.append(el("time", { datetime: note.at, title: new Date(note.at).toLocaleString(), text: ago(new Date(note.at)) }));
    if (note.flagged) head.append(" ", el("span", { class: "chip warn" }, icon("flag"), "flagged"));
    if (note.label) head.append(" ", el("span", { class: "chip accent", text: note.label }));
    const mine = note.author === this.data.person || this.data.manages;
    if (this.form && mine) head.append(" ", el("button", { class: "quiet small", type: "button", "data-remove": String(note.id), "aria-label": `Take the note of ${note.by} away`, text: "take away" }));
    return el("li", {}, head, note.text ? el("p", { class: "thought", text: note.text }) : null);
  }
}

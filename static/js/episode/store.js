// The steps of an episode, fetched page by page and forgotten again: a long one never lies in memory as a whole.
const PAGE = 50;
const KEPT_PAGES = 8;

export class Steps {
  /** `data` has the first page (`steps`), how many there are (`total`) and where pages are asked for (`pages`). */
  constructor(data) {
    this.pages = new Map([[0, data.steps]]);
    this.asked = new Map();
    this.take(data);
  }

  /** The episode went on: its last page is fetched anew. */
  renew(data) {
    this.pages.delete(this.pageOf(this.total));
    this.pages.delete(this.pageOf(data.total - 1));
    this.pages.set(0, data.steps);
    this.take(data);
  }

  take(data) {
    this.total = data.total;
    this.address = data.pages;
    this.final = data.final;
    this.ended = data.ended;
    this.outcome = data.outcome;
  }

  /** Places that can be shown: every step, and the end of an episode that is over. */
  get last() {
    return Math.max(0, this.ended ? this.total : this.total - 1);
  }

  pageOf(place) {
    return Math.floor(place / PAGE) * PAGE;
  }

  /** A step if it is here already. */
  here(place) {
    return this.pages.get(this.pageOf(place))?.find((step) => step.index === place) ?? null;
  }

  /** A step, fetched if need be; null past the last one. */
  async need(place) {
    if (place < 0 || place >= this.total) return null;
    const page = this.pageOf(place);
    if (!this.pages.has(page)) await this.fetch(page);
    return this.here(place);
  }

  /** What is to be seen after the step of this place: the next screenshot, or the desktop as it was scored. */
  async after(place) {
    return (await this.need(place + 1)) ?? (this.ended ? this.final : null);
  }

  async fetch(page) {
    if (!this.asked.has(page)) {
      const request = this.ask(page).finally(() => this.asked.delete(page));
      this.asked.set(page, request);
    }
    await this.asked.get(page);
  }

  async ask(page) {
    const response = await fetch(`${this.address}?from=${page}`, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`the console answered ${response.status}`);
    const answer = await response.json();
    this.pages.set(page, answer.steps);
    for (const old of [...this.pages.keys()].slice(1, -1)) {
      if (this.pages.size <= KEPT_PAGES) break;
      if (old !== page && old !== 0) this.pages.delete(old);
    }
  }
}

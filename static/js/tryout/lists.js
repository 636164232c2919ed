// Lists of a try-out's page: what was directed and what came of it; the steps, with who did each.
import { el, icon } from "../dom.js";

const BECAME = {
  sent: { icon: "wait", word: "sent", tone: "" },
  done: { icon: "check", word: "done", tone: "good" },
  refused: { icon: "cross", word: "refused", tone: "bad" },
  lost: { icon: "lost", word: "not taken", tone: "warn" },
};

/** Newest first. */
export function drawDirections(list, directions) {
  list.replaceChildren(
    ...directions.map((one) => {
      const { icon: shape, word, tone } = BECAME[one.became] ?? BECAME.sent;
      const chip = el("span", { class: `chip ${tone}` }, icon(shape), word);
      const who = el("span", { class: "muted small", text: ` ${one.by}` });
      const why = one.why ? el("span", { class: "why", text: one.why }) : null;
      return el("li", { "data-number": one.number }, el("span", {}, one.words, who), chip, why);
    }),
  );
}

/** Oldest first; stays at its end if it stood there. Those that are shown already are not touched. */
export function drawSteps(list, steps, episode) {
  if (list.dataset.episode !== episode) {
    list.replaceChildren();
    list.dataset.episode = episode;
  }
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const last = Number(list.lastElementChild?.dataset.step ?? -1);
  list.append(...steps.filter((step) => step.index > last).map(line));
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function line(step) {
  const by = step.by ? el("span", { class: "chip odd" }, icon("user"), step.by) : null;
  const words = el("span", { class: "words", text: `${step.index + 1}. ${step.words}` });
  const link = el("a", { href: step.url }, icon(step.icon), words, by);
  const said = step.problem || step.thought;
  return el("li", { "data-step": step.index }, link, said ? el("p", { class: "thought", text: said }) : null);
}

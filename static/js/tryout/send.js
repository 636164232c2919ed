// Directions to the console, one after the other, so that they arrive in the order in which they were made.
import { csrfToken } from "../dom.js";
import { toast } from "../toast.js";

const MOST_WAITING = 20;

/** Sends form words to an address; `onStanding` gets how the try-out stands after each. */
export function sender(onStanding) {
  const waiting = [];
  let busy = false;

  async function next() {
    if (busy || !waiting.length) return;
    busy = true;
    const { address, words, done } = waiting.shift();
    done(await post(address, words));
    busy = false;
    next();
  }

  async function post(address, words) {
    try {
      const answer = await fetch(address, {
        method: "POST",
        headers: { "X-CSRFToken": csrfToken(), Accept: "application/json" },
        body: new URLSearchParams(words),
      });
      if (answer.status === 401) {
        toast("Your session has ended. Sign in again in another tab, then repeat this.", { stay: true });
        return false;
      }
      if (!(answer.headers.get("Content-Type") ?? "").includes("json")) throw new Error(String(answer.status));
      const standing = await answer.json();
      if (standing.refused) {
        waiting.length = 0; // what was to follow it was meant for another screen
        toast(standing.refused);
      } else if (standing.said) toast(standing.said);
      onStanding(standing);
      return answer.ok;
    } catch {
      waiting.length = 0;
      toast("The console could not be reached, so nothing was sent. Try again in a moment.");
      return false;
    }
  }

  return (address, words) =>
    new Promise((done) => {
      if (waiting.length >= MOST_WAITING) {
        toast("Too much at once: wait until the desktop has caught up.");
        done(false);
        return;
      }
      waiting.push({ address, words, done });
      next();
    });
}

// An episode that is under way: when the run's socket says that it moved, its page is fetched and handed over.
import { throttled } from "./dom.js";
import { followRun } from "./socket.js";

const FETCH_EVERY_MS = 1000;
const KINDS = new Set(["EpisodeStepTaken", "EpisodeEnded"]);

/** Watch an episode; `onNews` gets its page as it is now, as a document of its own. */
export function followEpisode(live, onNews) {
  const refetch = throttled(async () => {
    try {
      const response = await fetch(location.pathname);
      if (response.ok) onNews(new DOMParser().parseFromString(await response.text(), "text/html"));
    } catch {
      // The badge says when the console is away; what is shown stays until it is back.
    }
  }, FETCH_EVERY_MS);

  followRun({
    run: live.run,
    since: live.cursor,
    take: (fresh) => fresh.some((event) => KINDS.has(event.kind) && event.data.episode_id === live.key) && refetch(),
    onReload: refetch,
  });
}

// The fleet page, kept true: when the socket says that something looks different, the board is fetched and morphed.
import { throttled } from "./dom.js";
import { startRowKeys } from "./rows.js";
import { badge, keepConnected } from "./socket.js";

const REFRESH_EVERY_MS = 1000;
const POLL_EVERY_MS = 10000;

let live = false;

const refresh = throttled(() => {
  if (!document.hidden) document.body.dispatchEvent(new CustomEvent("arpo:fleet"));
}, REFRESH_EVERY_MS);

const show = badge();
keepConnected({
  address: () => "/ws/fleet/",
  onMessage: refresh,
  onState: (state, seconds) => {
    if (state === "live" && !live) refresh();
    live = state === "live";
    show(state, seconds);
  },
});
document.addEventListener("visibilitychange", refresh);
setInterval(() => live || refresh(), POLL_EVERY_MS);
startRowKeys("#board [data-row]");

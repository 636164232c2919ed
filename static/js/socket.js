// A socket that comes back by itself and knows how far it has read, so nothing is lost or shown twice.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;
const STALE_AFTER_MS = 20000;

/**
 * Keep a connection to `address()` open.
 *
 * `address` is asked before each try, so it can carry the cursor read so far. `onMessage` gets each message as an object,
 * `onState` "live", "reconnecting" or "stale" with the seconds since the connection was lost.
 */
export function keepConnected({ address, onMessage, onState }) {
  let wait = FIRST_WAIT_MS;
  let lostAt = null;
  let socket = null;

  const report = () => {
    if (lostAt === null) return;
    const away = Date.now() - lostAt;
    onState(away > STALE_AFTER_MS ? "stale" : "reconnecting", Math.round(away / 1000));
  };

  const connect = () => {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(`${scheme}//${location.host}${address()}`);
    socket.addEventListener("open", () => {
      wait = FIRST_WAIT_MS;
      lostAt = null;
      onState("live", 0);
    });
    socket.addEventListener("message", (event) => onMessage(JSON.parse(event.data)));
    socket.addEventListener("close", () => {
      if (lostAt === null) lostAt = Date.now();
      report();
      setTimeout(connect, wait * (0.75 + Math.random() / 2));
      wait = Math.min(LONGEST_WAIT_MS, wait * 2);
    });
  };

  setInterval(report, 1000);
  window.addEventListener("online", () => socket?.readyState === WebSocket.CLOSED && connect());
  connect();
}

/**
 * Follow the events of a run from the cursor `since` on, each once: `take` gets those that are new, oldest first.
 *
 * When too many were missed, the console says so instead of sending them: `onReload` shows anew what is there now.
 */
export function followRun({ run, since, take, onReload = () => location.reload(), onState = badge() }) {
  let cursor = since;
  keepConnected({
    address: () => `/ws/runs/${run}/?since=${cursor}`,
    onMessage: (message) => {
      if (message.type === "reload") onReload();
      if (message.type !== "events") return;
      const fresh = message.events.filter((event) => event.cursor > cursor);
      cursor = Math.max(cursor, message.cursor);
      take(fresh);
    },
    onState,
  });
}

/** Show a connection's state in the badge of the page. */
export function badge() {
  const node = document.querySelector("[data-connection]");
  const words = { live: () => "live", reconnecting: () => "reconnecting…", stale: (s) => `stale for ${s} s` };
  return (state, seconds) => {
    if (!node) return;
    const text = words[state](seconds);
    if (node.textContent !== text) node.textContent = text;
    node.dataset.state = state;
  };
}

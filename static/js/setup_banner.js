// While the engine is still being installed: how far it is, asked every few seconds until it is done.
const EVERY_MS = 3000;

/** Keep the banner of the page up to date; without a banner there is nothing to do. */
export function startSetupBanner() {
  const banner = document.getElementById("setup-banner");
  if (!banner) return;
  const message = banner.querySelector("[data-setup-message]");
  const bar = banner.querySelector("progress");
  const ask = async () => {
    try {
      const response = await fetch(banner.dataset.url, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(String(response.status));
      const state = await response.json();
      if (state.done) {
        banner.classList.add("good");
        message.textContent = "Everything is installed: runs can be started.";
        bar.value = 100;
        document.dispatchEvent(new CustomEvent("arpo:setup-done"));
        return;
      }
      message.textContent = state.error || state.message;
      banner.classList.toggle("bad", Boolean(state.error));
      bar.value = state.percent;
    } catch {
      message.textContent = "The console does not answer at the moment; asking again.";
    }
    setTimeout(ask, EVERY_MS);
  };
  setTimeout(ask, EVERY_MS);
}

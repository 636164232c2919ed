// While the engine is still being installed: how far it is, asked every few seconds until it is done.
const EVERY_MS = 3000;

/** Keep the banner of the page up to date; without a banner there is nothing to do. */
export function startSetupBanner() {
  const banner = document.getElementById("setup-banner");
  if (!banner) return;
  const title = banner.querySelector("[data-setup-title]");
  const message = banner.querySelector("[data-setup-message]");
  const bar = banner.querySelector("progress");
  const ask = async () => {
    try {
      const response = await fetch(banner.dataset.url, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(String(response.status));
      const state = await response.json();
      if (state.done) {
        banner.classList.remove("bad");
        banner.classList.add("good");
        title.textContent = "The engine is installed.";
        message.textContent = "Runs can be started.";
        bar.remove();
        banner.querySelector("[data-setup-hint]").remove();
        document.dispatchEvent(new CustomEvent("arpo:setup-done"));
        return;
      }
      title.textContent = state.error ? "The engine could not be installed." : "The engine is being installed.";
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

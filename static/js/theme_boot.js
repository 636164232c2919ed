// Runs before the first paint, so a remembered theme or density never flashes. Loaded as a classic script in <head>.
(() => {
  const root = document.documentElement;
  for (const name of ["theme", "density"]) {
    try {
      const kept = localStorage.getItem(`arpo.${name}`);
      if (kept) root.dataset[name] = kept;
    } catch {
      // Storage may be forbidden; the page then follows the system's theme.
    }
  }
})();

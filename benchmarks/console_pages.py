"""How soon a person can use a page, in a real Chromium: time to interactive, and how much the page moves meanwhile.

Interactive is the end of the last long task (over 50 ms) after which nothing long happened for a second, but not before
the document was read and its modules ran. The cumulative layout shift is what the browser itself reports.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from benchmarks.console_server import Console

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
QUIET_MS = 1000
WATCH = """
window.__arpo = { shift: 0, busyUntil: 0 };
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.__arpo.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
new PerformanceObserver((list) => {
  const ends = list.getEntries().map((entry) => entry.startTime + entry.duration);
  window.__arpo.busyUntil = Math.max(window.__arpo.busyUntil, ...ends);
}).observe({ type: "longtask", buffered: true });
"""
READ = """() => {
  const page = performance.getEntriesByType("navigation")[0];
  const ready = page.domContentLoadedEventEnd;
  return { now: performance.now(), interactive: Math.max(ready, window.__arpo.busyUntil), shift: window.__arpo.shift };
}"""


def pages(console: Console, paths: Mapping[str, str], times: int) -> dict[str, dict[str, float]]:
    """Each named page `times` times with a fresh cache of its own; medians."""
    from playwright.sync_api import sync_playwright

    from webapp.supervisor.browser import find_chromium

    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("there is no Chromium to open pages with; `./arpo doctor` says how to get one")
    figures = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for name, path in paths.items():
            seen = [_open(browser, console, path) for _ in range(times + 1)][1:]
            figures[name] = {
                "interactive_ms": round(statistics.median(one["interactive"] for one in seen)),
                "cls": round(max(one["shift"] for one in seen), 4),
            }
        browser.close()
    return figures


def _open(browser: Any, console: Console, path: str) -> dict[str, float]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": name, "value": value, "url": console.url} for name, value in console.cookies.items()])
    context.add_init_script(WATCH)
    page = context.new_page()
    answer = page.goto(console.url + path, wait_until="load")
    if answer is None or not answer.ok:
        raise SystemExit(f"{path} did not open: {answer.status if answer else 'no answer'}")
    seen: dict[str, float] = page.evaluate(READ)
    while seen["now"] - seen["interactive"] < QUIET_MS:
        page.wait_for_timeout(QUIET_MS - (seen["now"] - seen["interactive"]) + 10)
        seen = page.evaluate(READ)
    context.close()
    return seen

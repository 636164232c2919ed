// Thumbnails whose bytes are still on their way: asked for again a few times, then said to be missing.
import { el } from "./dom.js";

const THUMBNAIL = ".thumb img, .step-thumb img";
const RETRY_AFTER_MS = [800, 2500, 6000];
const tries = new WeakMap();

function missed(image) {
  const count = tries.get(image) ?? 0;
  if (count === RETRY_AFTER_MS.length) {
    image.replaceWith(el("span", { class: "muted small", text: "no screenshot" }));
    return;
  }
  tries.set(image, count + 1);
  image.classList.add("on-its-way"); // not hidden: a lazy picture that is not laid out is never asked for
  setTimeout(() => {
    image.src = image.getAttribute("src");
  }, RETRY_AFTER_MS[count]);
}

/** Errors and loads of pictures do not bubble, so they are caught on their way down. */
export function startThumbnails() {
  document.addEventListener("error", (event) => event.target.matches?.(THUMBNAIL) && missed(event.target), true);
  document.addEventListener("load", (event) => event.target.classList?.remove("on-its-way"), true);
  for (const image of document.querySelectorAll(THUMBNAIL)) {
    if (image.complete && image.currentSrc && !image.naturalWidth) missed(image);
  }
}

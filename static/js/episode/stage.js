// The screenshot of a step with what the agent did drawn over it; or what came of it, or what changed.
import { drawOverlay } from "../overlay.js";
import { drawDiff } from "./diff.js";

const SMALL_SCREEN = 640;
const ASK_AGAIN_AFTER_MS = [500, 1000, 2000, 4000];
const FEW_PIXELS = 0.0005;

export class Stage {
  /** `root` holds the parts, each with data-part; `keepsAsking`: bytes of a live episode may still be on their way. */
  constructor(root, keepsAsking = () => false) {
    this.root = root;
    this.keepsAsking = keepsAsking;
    this.turn = 0;
    this.part("frame").addEventListener("error", () => this.missed());
  }

  part(name) {
    return this.root.querySelector(`[data-part=${name}]`);
  }

  /** Show a picture ({frame, width, height, missing}) with an action over it, in words for who cannot see it. */
  show(picture, action, words) {
    this.turn += 1;
    this.part("diff").hidden = true;
    const image = this.part("frame");
    const box = this.part("missing");
    const address = picture?.frame ?? null;
    box.hidden = Boolean(address);
    if (!address) box.querySelector("span").textContent = picture?.missing || box.dataset.words;
    image.hidden = !address;
    if (address) {
      if (image.getAttribute("src") !== address) image.dataset.tries = "0";
      image.src = address;
      image.alt = words;
    }
    this.fit(picture);
    drawOverlay(this.part("shot"), address ? action : null, picture?.width ?? 0, picture?.height ?? 0);
    this.note("");
  }

  /** Show what changed from one picture to the next. */
  async showDiff(before, after, words) {
    this.turn += 1;
    const turn = this.turn;
    if (!before?.frame || !after?.frame) {
      this.note("There are no two screenshots to compare here.");
      return;
    }
    const canvas = this.part("diff");
    const share = await drawDiff(canvas, before.frame, after.frame);
    if (turn !== this.turn) return;
    canvas.hidden = share === null;
    canvas.setAttribute("aria-label", words);
    drawOverlay(this.part("shot"), null, 0, 0);
    this.note(share === null ? "The screenshots could not be compared." : changed(share));
  }

  note(words) {
    this.part("note").textContent = words;
  }

  /** The box takes the screen's own shape, so that the drawing lies exactly on the picture; a small screen is enlarged
   * by a whole number, so that its pixels stay square. */
  fit(picture) {
    const { width, height } = picture ?? {};
    if (!width || !height) return;
    const box = this.part("shot");
    const room = box.parentElement.clientWidth - 18;
    const tall = window.innerHeight * 0.68;
    const small = width <= SMALL_SCREEN;
    const times = Math.min(room / width, tall / height);
    const whole = small && times >= 2 ? Math.floor(times) : times;
    box.style.aspectRatio = `${width} / ${height}`;
    box.style.width = `${Math.floor(width * whole) + 2}px`;
    this.part("frame").classList.toggle("small-screen", small && times >= 2);
  }

  missed() {
    const image = this.part("frame");
    const address = image.getAttribute("src");
    const wait = this.keepsAsking() ? ASK_AGAIN_AFTER_MS[Number(image.dataset.tries ?? 0)] : undefined;
    if (wait === undefined) {
      image.hidden = true;
      this.part("missing").querySelector("span").textContent = this.part("missing").dataset.words;
      this.part("missing").hidden = false;
      return;
    }
    image.dataset.tries = String(Number(image.dataset.tries ?? 0) + 1);
    setTimeout(() => {
      if (image.getAttribute("src") === address) image.src = address;
    }, wait);
  }
}

function changed(share) {
  if (share === 0) return "Nothing changed on the screen.";
  if (share < FEW_PIXELS) return "A few pixels changed.";
  return `${(100 * share).toFixed(1)} % of the pixels changed.`;
}

/** Fetch a picture before it is asked for. */
export function preload(picture) {
  if (picture?.frame) new Image().src = picture.frame;
}

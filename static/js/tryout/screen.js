// The desktop's screen: its newest picture in its own shape, and where on it somebody points.
import { el } from "../dom.js";
import { drawOverlay } from "../overlay.js";

const SMALL_SCREEN = 640;
const RETRY_AFTER_MS = [150, 300, 600, 1200, 2500, 5000];
const POINTED_MS = 900;

export class Screen {
  constructor(root) {
    this.root = root;
    this.box = root.querySelector("[data-part=screen]");
    this.image = root.querySelector("[data-part=picture]");
    this.none = root.querySelector("[data-part=no-screen]");
    this.size = [0, 0];
    this.wanted = this.image.getAttribute("src") ?? "";
    window.addEventListener("resize", () => this.fit());
  }

  /** Show the picture at an address once its bytes are here, unless a later one is wanted by then. */
  show(address, tries = 0) {
    if (!address || (address === this.wanted && tries === 0)) return;
    this.wanted = address;
    const loader = new Image();
    loader.addEventListener("load", () => {
      if (this.wanted !== address) return;
      this.image.src = address;
      this.image.hidden = false;
      this.none.hidden = true;
      if (!this.size[0]) this.resize([loader.naturalWidth, loader.naturalHeight]);
    });
    loader.addEventListener("error", () => {
      if (tries < RETRY_AFTER_MS.length) {
        setTimeout(() => this.wanted === address && this.show(address, tries + 1), RETRY_AFTER_MS[tries]);
      } else if (this.wanted === address) this.wanted = ""; // asked for again with the next look
    });
    loader.src = address;
  }

  /** The screen has another size. */
  resize(size) {
    if (!size?.[0] || (size[0] === this.size[0] && size[1] === this.size[1])) return;
    this.size = size;
    this.fit();
  }

  /** As large as there is room; pixels of a small screen stay square. */
  fit() {
    const [width, height] = this.size;
    if (!width) return;
    const room = this.box.parentElement.clientWidth - 8;
    const tall = Math.max(240, window.innerHeight * 0.72);
    const times = Math.min(room / width, tall / height);
    const small = width <= SMALL_SCREEN && times >= 2;
    this.box.style.aspectRatio = `${width} / ${height}`;
    this.box.style.width = `${Math.floor(width * (small ? Math.floor(times) : times))}px`;
    this.image.classList.toggle("small-screen", small);
  }

  /** The pixel of the desktop's screen under a place of the page. */
  placeOf(event) {
    const edge = this.box.getBoundingClientRect();
    const along = (value, start, length, count) =>
      Math.max(0, Math.min(count - 1, Math.floor(((value - start) / length) * count)));
    return {
      x: along(event.clientX, edge.left, edge.width, this.size[0]),
      y: along(event.clientY, edge.top, edge.height, this.size[1]),
    };
  }

  /** A ring where somebody clicked, until the desktop has answered. */
  point({ x, y }) {
    const ring = el("span", { class: "pointed" });
    ring.style.left = `${((x + 0.5) / this.size[0]) * 100}%`;
    ring.style.top = `${((y + 0.5) / this.size[1]) * 100}%`;
    this.box.append(ring);
    setTimeout(() => ring.remove(), POINTED_MS);
  }

  /** What was done last, drawn over the picture; null takes it away. */
  draw(action) {
    drawOverlay(this.box, action, this.size[0], this.size[1]);
  }
}

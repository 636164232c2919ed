// While a person has the mouse: what they do to the picture and on the keyboard becomes actions of the desktop.

const DOUBLE_MS = 240;
const DRAG_PX = 6;
const TYPED_MS = 300;
const WHEEL_MS = 160;
const PX_A_NOTCH = 60;
const MOST_NOTCHES = 20;
const MOST_TYPED = 1000;
const ESCAPE_MS = 450;
const KEYS = {
  Enter: "enter", Escape: "escape", Tab: "tab", Backspace: "backspace", Delete: "delete", Insert: "insert",
  ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right", Home: "home", End: "end",
  PageUp: "pageup", PageDown: "pagedown",
};
const BUTTONS = ["left", "middle", "right"];

export class Mouse {
  /** `act(action)` sends one; `onChange(has)` is told when the mouse is taken or given back. */
  constructor(screen, act, onChange) {
    Object.assign(this, { screen, act, onChange, has: false, down: null, typed: "", clicks: null, wheel: null, escape: null });
    const box = screen.box;
    const mine = (work) => (event) => {
      if (!this.has) return;
      event.preventDefault();
      work.call(this, event);
    };
    box.addEventListener("pointerdown", mine(this.pressed));
    box.addEventListener("pointerup", mine(this.released));
    box.addEventListener("pointercancel", () => (this.down = null));
    box.addEventListener("contextmenu", mine(this.menu));
    box.addEventListener("wheel", mine(this.turned), { passive: false });
    box.addEventListener("dragstart", (event) => event.preventDefault());
    document.addEventListener("keydown", (event) => this.has && this.key(event), true);
    // Text comes as input, not as keys: so do accents, input methods and phones bring it.
    this.typing = screen.root.querySelector("[data-part=typing]");
    this.typing.addEventListener("input", (event) => event.isComposing || this.entered());
    this.typing.addEventListener("compositionend", () => this.entered());
    this.typing.addEventListener("paste", (event) => event.preventDefault());
  }

  take() {
    this.has = true;
    this.typing.hidden = false;
    this.typing.focus({ preventScroll: true });
    this.onChange(true);
  }

  give() {
    if (!this.has) return;
    this.sendTyped();
    this.sendClick();
    this.has = false;
    this.typing.hidden = true;
    clearTimeout(this.escape?.timer);
    this.escape = null;
    this.onChange(false);
  }

  pressed(event) {
    this.typing.focus({ preventScroll: true });
    this.screen.box.setPointerCapture?.(event.pointerId);
    this.down = { ...this.screen.placeOf(event), pageX: event.clientX, pageY: event.clientY, button: event.button };
  }

  released(event) {
    const from = this.down;
    this.down = null;
    if (!from) return;
    const to = this.screen.placeOf(event);
    const far = Math.hypot(event.clientX - from.pageX, event.clientY - from.pageY) > DRAG_PX;
    this.sendTyped();
    if (far && from.button === 0) {
      this.sendClick();
      this.screen.point(to);
      this.act({ kind: "drag", x: from.x, y: from.y, to_x: to.x, to_y: to.y });
    } else this.clicked(from, BUTTONS[from.button] ?? "left");
  }

  /** A press that is held on a touch screen is a right click there. */
  menu(event) {
    if (event.pointerType !== "touch" && event.button === 2) return; // pointerup has told it
    this.down = null;
    this.clicked(this.screen.placeOf(event), "right");
  }

  /** One click waits a moment for its second: a double click is one action. */
  clicked({ x, y }, button) {
    const last = this.clicks;
    if (last && last.button === button && Math.hypot(last.x - x, last.y - y) <= Math.max(4, this.screen.size[0] / 100)) {
      last.count = Math.min(3, last.count + 1);
    } else {
      this.sendClick();
      this.clicks = { x, y, button, count: 1 };
    }
    this.screen.point({ x, y });
    clearTimeout(this.clickTimer);
    this.clickTimer = setTimeout(() => this.sendClick(), DOUBLE_MS);
  }

  sendClick() {
    clearTimeout(this.clickTimer);
    const click = this.clicks;
    this.clicks = null;
    if (click) this.act({ kind: "click", ...click });
  }

  turned(event) {
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    const pixels = (sideways ? event.deltaX : event.deltaY) * (event.deltaMode === 1 ? PX_A_NOTCH / 3 : 1);
    const place = this.screen.placeOf(event);
    this.wheel ??= { ...place, pixels: 0, sideways, timer: setTimeout(() => this.sendWheel(), WHEEL_MS) };
    this.wheel.pixels += pixels;
  }

  sendWheel() {
    const { x, y, pixels, sideways } = this.wheel;
    this.wheel = null;
    const clicks = Math.max(1, Math.min(MOST_NOTCHES, Math.round(Math.abs(pixels) / PX_A_NOTCH)));
    const direction = sideways ? (pixels > 0 ? "right" : "left") : pixels > 0 ? "down" : "up";
    if (pixels) this.act({ kind: "scroll", x, y, direction, clicks });
  }

  key(event) {
    if (event.target !== this.typing) {
      if (event.key === "Escape") this.give();
      return;
    }
    event.stopPropagation();
    if (event.isComposing) return;
    if (event.key === "Escape" && !event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      this.escaped();
      return;
    }
    const isText = event.key.length === 1 && !event.metaKey && event.ctrlKey === event.altKey; // AltGr is both
    if (isText) return;
    const name = KEYS[event.key] ?? (event.key.length === 1 || /^F\d+$/.test(event.key) ? event.key.toLowerCase() : "");
    if (!name) return; // a modifier alone, a dead key, a key of media
    event.preventDefault();
    this.press(event, name);
  }

  entered() {
    const text = this.typing.value;
    this.typing.value = "";
    if (text) this.type(text);
  }

  type(text) {
    this.sendEscape();
    this.sendClick();
    this.typed += text;
    clearTimeout(this.typeTimer);
    if (this.typed.length >= MOST_TYPED) this.sendTyped();
    else this.typeTimer = setTimeout(() => this.sendTyped(), TYPED_MS);
  }

  sendTyped() {
    clearTimeout(this.typeTimer);
    const text = this.typed;
    this.typed = "";
    if (text) this.act({ kind: "type", text });
  }

  press(event, name) {
    this.sendEscape();
    this.sendClick();
    this.sendTyped();
    const held = [event.ctrlKey && "ctrl", event.altKey && "alt", event.shiftKey && "shift", event.metaKey && "win"];
    this.act({ kind: "hotkey", keys: [...held.filter(Boolean), name === " " ? "space" : name] });
  }

  /** Once is a key of the desktop, twice in a row gives the mouse back. */
  escaped() {
    if (this.escape) {
      clearTimeout(this.escape.timer);
      this.escape = null;
      this.give();
      return;
    }
    this.sendClick();
    this.sendTyped();
    this.escape = { timer: setTimeout(() => this.sendEscape(), ESCAPE_MS) };
  }

  sendEscape() {
    if (!this.escape) return;
    clearTimeout(this.escape.timer);
    this.escape = null;
    this.act({ kind: "hotkey", keys: ["escape"] });
  }
}

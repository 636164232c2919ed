// Actions for who uses no mouse: coordinates, text and keys in fields, checked by the console.

const WHOLE = /^-?\d+$/;
const FIELDS = {
  click: ["place"], double: ["place"], right: ["place"], middle: ["place"], move: ["place"], drag: ["place", "to"],
  up: ["place"], down: ["place"], type: ["text"], keys: ["keys"], wait: [], fail: [],
};

/** Let the form send actions; what is missing gets the focus. */
export function startByHand(form, act) {
  const field = (name) => form.elements.namedItem(name);

  function show() {
    const shown = FIELDS[field("do").value];
    for (const part of form.querySelectorAll("[data-hand]")) part.hidden = !shown.includes(part.dataset.hand);
  }

  function actionOf() {
    const number = (name) => (WHOLE.test(field(name).value.trim()) ? Number(field(name).value) : null);
    const place = { x: number("x"), y: number("y") };
    switch (field("do").value) {
      case "click": return { kind: "click", ...place };
      case "double": return { kind: "click", ...place, count: 2 };
      case "right": return { kind: "click", ...place, button: "right" };
      case "middle": return { kind: "click", ...place, button: "middle" };
      case "move": return { kind: "move", ...place };
      case "drag": return { kind: "drag", ...place, to_x: number("to_x"), to_y: number("to_y") };
      case "up": return { kind: "scroll", ...place, direction: "up" };
      case "down": return { kind: "scroll", ...place, direction: "down" };
      case "type": return { kind: "type", text: field("text").value };
      case "keys": return { kind: "hotkey", keys: keysOf(field("keys").value) };
      case "fail": return { kind: "fail" };
      default: return { kind: "wait" };
    }
  }

  form.addEventListener("change", show);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    for (const one of form.querySelectorAll("[aria-invalid]")) one.removeAttribute("aria-invalid");
    const action = actionOf();
    const lacks = Object.keys(action).find((name) => action[name] === null || action[name] === "" || action[name].length === 0);
    if (!lacks) {
      act(action);
      return;
    }
    const missing = field(lacks);
    missing.setAttribute("aria-invalid", "true");
    missing.focus();
  });
  show();
}

/** "ctrl+s" or "ctrl s" as names; a lone + is the key. */
function keysOf(text) {
  const words = text.trim().toLowerCase();
  return words === "+" ? ["+"] : words.split(/[\s+]+/).filter(Boolean);
}

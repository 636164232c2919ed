// Small helpers over the DOM. Text always goes in as text: nothing here parses HTML from data.

/** Make an element: attributes by name, `text` for its text, children at the end. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/** Make an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** An icon of the sprite, by name. */
export function icon(name) {
  const sprite = document.documentElement.dataset.icons;
  return svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: `${sprite}#${name}` }));
}

/** The JSON that the server put into the page under this id (Django's json_script), or null. */
export function pageData(id) {
  const holder = document.getElementById(id);
  return holder ? JSON.parse(holder.textContent) : null;
}

/** The CSRF token of this page. */
export function csrfToken() {
  return document.querySelector("meta[name=csrf-token]")?.content ?? "";
}

/** Whether typing goes into a field now, so that single-letter keys must keep quiet. */
export function isTyping(event) {
  const target = event.target;
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Call `work` at most once per `ms`, the last call always wins. */
export function throttled(work, ms) {
  let timer = null;
  let again = false;
  return function run() {
    if (timer) {
      again = true;
      return;
    }
    work();
    timer = setTimeout(() => {
      timer = null;
      if (again) {
        again = false;
        run();
      }
    }, ms);
  };
}

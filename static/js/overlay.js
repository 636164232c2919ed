// Draws what the agent did over the screenshot that it saw, as vectors in the screenshot's own pixels.
import { svg } from "./dom.js";

/** Put the action's drawing over the image in `holder`; an action without a place leaves a badge below. */
export function drawOverlay(holder, action, width, height) {
  holder.querySelector("svg.overlay")?.remove();
  if (!action || !width || !height) return;
  const unit = Math.max(width, height) / 100;
  const shapes = SHAPES[action.kind]?.(action, unit, width, height) ?? [];
  if (!shapes.length) return;
  holder.append(svg("svg", { class: "overlay", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, ...shapes));
}

const SHAPES = {
  several(action, unit, width, height) {
    return action.actions.flatMap((one) => SHAPES[one.kind]?.(one, unit, width, height) ?? []);
  },
  move(action, unit) {
    return ring(action.x, action.y, 4.2 * unit, unit);
  },
  drag_to(action, unit) {
    return [...ring(action.x, action.y, 4.2 * unit, unit), ...badge("drag", action.x, action.y + 7.5 * unit, unit)];
  },
  click(action, unit) {
    const { x, y } = action;
    const shapes = [...ring(x, y, 4.2 * unit, unit)];
    if (action.count > 1) shapes.push(...ring(x, y, 6.6 * unit, unit));
    shapes.push(svg("circle", { class: "dot", cx: x, cy: y, r: 0.9 * unit }));
    if (action.button !== "left") shapes.push(...badge(action.button, x, y + 7.5 * unit, unit));
    return shapes;
  },
  drag(action, unit) {
    const { x, y, to_x: toX, to_y: toY } = action;
    const angle = Math.atan2(toY - y, toX - x);
    const tip = 3.6 * unit;
    const side = (turn) => `${toX - tip * Math.cos(angle + turn)},${toY - tip * Math.sin(angle + turn)}`;
    const head = `${side(0.5)} ${toX},${toY} ${side(-0.5)}`;
    return [
      svg("line", { class: "halo", x1: x, y1: y, x2: toX, y2: toY, "stroke-width": 2.2 * unit }),
      svg("line", { class: "ring", x1: x, y1: y, x2: toX, y2: toY, "stroke-width": 1.1 * unit }),
      svg("polyline", { class: "ring", points: head, "stroke-width": 1.1 * unit, "stroke-linejoin": "round" }),
      svg("circle", { class: "dot", cx: x, cy: y, r: 1.3 * unit }),
    ];
  },
  scroll(action, unit) {
    const turns = { up: 0, right: 90, down: 180, left: 270 };
    const chevron = (offset) =>
      svg("polyline", {
        class: "ring",
        points: `${-3 * unit},${offset + 2 * unit} 0,${offset - unit} ${3 * unit},${offset + 2 * unit}`,
        "stroke-width": 1.2 * unit,
        "stroke-linecap": "round",
        "stroke-linejoin": "round",
      });
    const at = `translate(${action.x} ${action.y}) rotate(${turns[action.direction] ?? 180})`;
    return [svg("circle", { class: "halo", cx: action.x, cy: action.y, r: 6 * unit, "stroke-width": unit }),
      svg("g", { transform: at }, chevron(-3 * unit), chevron(unit))];
  },
  type(action, unit, width, height) {
    return badge(`⌨ ${action.text.replaceAll("\n", "⏎")}`, width / 2, height - 6 * unit, unit, width);
  },
  hotkey(action, unit, width, height) {
    return badge(action.keys.join(" + "), width / 2, height - 6 * unit, unit, width);
  },
  wait(action, unit, width, height) {
    return badge(`wait ${action.seconds} s`, width / 2, height - 6 * unit, unit, width);
  },
  finished(action, unit, width, height) {
    return badge("✓ done", width / 2, height - 6 * unit, unit, width);
  },
  fail(action, unit, width, height) {
    return badge("✗ cannot be done", width / 2, height - 6 * unit, unit, width);
  },
};

function ring(x, y, radius, unit) {
  return [
    svg("circle", { class: "halo", cx: x, cy: y, r: radius, "stroke-width": 1.9 * unit }),
    svg("circle", { class: "ring", cx: x, cy: y, r: radius, "stroke-width": unit }),
  ];
}

/** A dark label centred at (x, y) and kept inside the picture; long text is cut. */
function badge(text, x, y, unit, width = Infinity) {
  const size = 4.4 * unit;
  const most = Number.isFinite(width) ? Math.floor((width - 6 * unit) / (size * 0.58)) : 40;
  const shown = text.length > most ? `${text.slice(0, most - 1)}…` : text;
  const wide = shown.length * size * 0.58 + 3 * unit;
  const left = Number.isFinite(width) ? Math.max(unit, Math.min(width - wide - unit, x - wide / 2)) : x - wide / 2;
  const label = svg("text", { x: left + wide / 2, y: y + size * 0.36, "font-size": size, "text-anchor": "middle" });
  label.textContent = shown;
  const box = { class: "badge", x: left, y: y - size * 0.8, width: wide, height: size * 1.6, rx: unit };
  return [svg("rect", box), label];
}

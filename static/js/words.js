// Actions and outcomes in words; the same words as the server's.

/** An action in a few words. */
export function actionWords(action) {
  if (!action) return "unreadable";
  const place = `${action.x}, ${action.y}`;
  switch (action.kind) {
    case "click": {
      const times = { 1: "click", 2: "double click", 3: "triple click" }[action.count] ?? "click";
      return `${action.button === "left" ? "" : `${action.button} `}${times} ${place}`;
    }
    case "several":
      return action.actions.map(actionWords).join(", then ");
    case "move":
      return `move to ${place}`;
    case "drag_to":
      return `drag to ${place}`;
    case "drag":
      return `drag ${place} → ${action.to_x}, ${action.to_y}`;
    case "scroll":
      return `scroll ${action.direction} ${action.clicks} at ${place}`;
    case "type":
      return `type “${action.text.replaceAll("\n", "⏎").slice(0, 60)}”`;
    case "hotkey":
      return `press ${action.keys.join("+")}`;
    case "wait":
      return `wait ${action.seconds} s`;
    case "finished":
      return "finished";
    case "fail":
      return "cannot be done";
    default:
      return action.kind;
  }
}

/** A score above this counts as solved; the same number as in the engine (contract/outcomes.py). */
const SOLVED_ABOVE = 0.5;

/** How an episode went: word, icon, tone. */
export function outcomeOf(ended) {
  if (ended.fault) return { word: ended.fault.replaceAll("_", " "), icon: "warning", tone: "warn" };
  if (ended.score === null) return { word: ended.ended_by.replaceAll("_", " "), icon: "stopped", tone: "" };
  if (ended.score > SOLVED_ABOVE) {
    return { word: ended.score >= 1 ? "solved" : `solved (${ended.score})`, icon: "check", tone: "good" };
  }
  if (ended.score > 0) return { word: `partly (${ended.score})`, icon: "finished", tone: "warn" };
  return { word: "not solved", icon: "cross", tone: "bad" };
}

// The bell fetches itself; when it counts more than before, the newest alert is said aloud.
import { toast } from "./toast.js";

let known = Number(document.getElementById("bell")?.dataset.unseen ?? 0);

document.addEventListener("htmx:after:swap", () => {
  const bell = document.getElementById("bell");
  if (!bell) return;
  const count = Number(bell.dataset.unseen);
  if (count > known && bell.dataset.newest) toast(bell.dataset.newest, { tone: "warn" });
  known = count;
});

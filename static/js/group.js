// The page of a group: exactly two tries are chosen before they open side by side.
const form = document.getElementById("pick-two");
const button = document.getElementById("open-two");
const note = document.getElementById("pick-note");
const boxes = [...form.querySelectorAll("input[name=e]")];
let order = boxes.filter((box) => box.checked);

/** A third choice lets go of the one that was made first. */
function choose(box) {
  order = order.filter((one) => one !== box);
  if (box.checked) order.push(box);
  while (order.length > 2) order.shift().checked = false;
  say();
}

function say() {
  button.disabled = order.length !== 2;
  note.textContent = ["Choose two tries", "Choose one more", ""][order.length];
}

form.addEventListener("change", (event) => event.target.name === "e" && choose(event.target));
say();

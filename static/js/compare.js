// The comparison: one grouping for all charts, charts that are added, settings that are searched; all in the address.
const panels = () => [...document.querySelectorAll("[data-chart-panel]")];

function keepInAddress(name, value) {
  const address = new URL(location.href);
  if (value) address.searchParams.set(name, value);
  else address.searchParams.delete(name);
  history.replaceState(history.state, "", address);
}

/** All charts are asked for anew with this grouping. */
function group(word) {
  for (const panel of panels()) {
    const [path, words] = panel.dataset.url.split("?");
    const query = new URLSearchParams(words);
    if (word) query.set("group", word);
    else query.delete("group");
    panel.dataset.url = `${path}?${query}`;
  }
  keepInAddress("group", word);
  document.body.dispatchEvent(new CustomEvent("arpo:charts"));
}

function addChart(key) {
  const known = [...document.querySelectorAll("#every-key option")].some((option) => option.value === key);
  if (!known) return;
  const address = new URL(location.href);
  if (!address.searchParams.getAll("key").includes(key)) address.searchParams.append("key", key);
  address.hash = "curves";
  location.assign(address);
  if (address.href === location.href) location.reload();
}

function filterRows(field) {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of document.getElementById(field.dataset.filterRows).rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    shown += row.hidden ? 0 : 1;
  }
  const none = field.closest("section").querySelector("[data-no-rows]");
  if (none) none.hidden = shown > 0;
}

document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-group]")) group(event.target.value);
  if (event.target.matches?.("[data-add-key]")) addChart(event.target.value.trim());
  if (event.target.matches?.("[data-reload]")) {
    const address = new URL(location.href);
    address.searchParams.set(event.target.name, event.target.value);
    location.assign(address);
  }
});
document.addEventListener("input", (event) => event.target.dataset?.filterRows && filterRows(event.target));

// How a figure of the server's looks in the page's theme, and what plotly is told about it. Knows no panel, no address.

export const CONFIG = {
  displaylogo: false,
  responsive: true,
  doubleClick: "autosize",
  displayModeBar: false,
};
const PNG_SCALE = 2;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The server says what is drawn; the theme says in which colours of paper, ink and grid. */
export function themed(layout) {
  const axis = { gridcolor: colour("--chart-grid"), linecolor: colour("--chart-grid"), tickcolor: colour("--chart-grid") };
  return {
    ...layout,
    autosize: true,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: colour("--font"), size: 12, color: colour("--chart-text") },
    xaxis: { ...layout.xaxis, ...axis, showspikes: true, spikemode: "across", spikethickness: 1, spikedash: "dot", spikecolor: colour("--line-strong") },
    yaxis: { ...layout.yaxis, ...axis },
    hoverlabel: { bgcolor: colour("--surface"), bordercolor: colour("--line"), font: { color: colour("--text"), size: 12 } },
  };
}

/** A picture of the chart on paper of the page's colour, with its title, as a file. */
export async function savePicture(holder, title, name) {
  const layout = {
    ...holder.layout,
    paper_bgcolor: colour("--surface"),
    plot_bgcolor: colour("--surface"),
    title: { text: title.replaceAll("<", "&lt;"), font: { size: 15, color: colour("--text") }, x: 0.02 },
    margin: { ...holder.layout.margin, t: 56 },
  };
  const size = { width: Math.max(holder.clientWidth, 640), height: Math.max(holder.clientHeight, 360) };
  const address = await Plotly.toImage({ data: holder.data, layout, config: {} }, { format: "png", scale: PNG_SCALE, ...size });
  const link = document.createElement("a");
  link.href = address;
  link.download = `${name}.png`;
  link.click();
}

/** The part of the x axis that somebody zoomed to: null for the whole, undefined when the event is about something else. */
export function zoomOf(event) {
  if (event["xaxis.autorange"]) return null;
  if (event["xaxis.range"]) return event["xaxis.range"];
  const [from, to] = [event["xaxis.range[0]"], event["xaxis.range[1]"]];
  return from === undefined || to === undefined ? undefined : [from, to];
}

// The page of a tuning job: live progress and the figures.
"use strict";
const page = document.getElementById("job");
const job = page.dataset.job;
const over = ["finished", "failed", "cancelled"];

function colours() {
  const style = getComputedStyle(document.documentElement);
  const read = name => style.getPropertyValue(name).trim();
  return {ink: read("--ink"), soft: read("--soft"), line: read("--line"), main: read("--link"), other: read("--wait")};
}

// What the page adds to a figure: its own colours, the last line in the main one, and no title, which stands above it.
function painted(figure) {
  const c = colours(), last = figure.data.length - 1;
  const axis = own => Object.assign({}, own, {gridcolor: c.line, zerolinecolor: c.line, automargin: true});
  const data = figure.data.map((trace, number) => {
    const colour = trace.name === "alike" ? c.soft : number === last ? c.main : c.other;
    const kind = trace.mode === "markers" ? {marker: {color: colour, size: 8}} : {line: Object.assign({}, trace.line, {color: colour})};
    return Object.assign({}, trace, kind);
  });
  const layout = Object.assign({}, figure.layout, {
    title: undefined, xaxis: axis(figure.layout.xaxis), yaxis: axis(figure.layout.yaxis),
    margin: {l: 50, r: 10, t: 10, b: 40}, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: {color: c.soft, size: 12}, showlegend: true, legend: {orientation: "h", y: 1.12},
  });
  return [data, layout, {displaylogo: false, responsive: true}];
}

function draw(figures) {
  for (const [name, figure] of Object.entries(figures)) Plotly.react(name, ...painted(figure));
  const scatter = document.getElementById("scatter");
  scatter.removeAllListeners("plotly_click");
  scatter.on("plotly_click", event => {
    const instance = event.points[0].customdata;
    if (instance) location.href = `/jobs/${job}/instances/${instance}`;
  });
}

async function refresh() {
  if (typeof Plotly === "undefined") return;  // not installed at the server
  const answer = await fetch(`/jobs/${job}/figures`);
  if (answer.ok) draw(await answer.json());
}

async function renew() {
  const answer = await fetch(location.href);
  if (!answer.ok || answer.redirected) return;
  const now = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ["facts", "best", "responses", "events"]) document.getElementById(id).replaceWith(now.getElementById(id));
}

function show(standing) {
  document.getElementById("state").textContent = standing.state;
  document.getElementById("state").className = `state ${standing.state}`;
  document.getElementById("spent").value = standing.spent_s;
  document.getElementById("runs").textContent = standing.runs;
  document.getElementById("seconds").textContent = Math.round(standing.spent_s);
}

refresh();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);
if (!over.includes(page.dataset.state)) {
  let changed = false;
  live.follow(job, standing => { show(standing); changed = true; });
  setInterval(async () => {
    if (!changed) return;
    changed = false;
    try { await Promise.all([refresh(), renew()]); }
    catch { changed = true; }  // the server is away: again in a moment
  }, 5000);
}

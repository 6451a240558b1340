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

function layout(x, y, more) {
  const c = colours();
  const axis = title => ({title: {text: title}, gridcolor: c.line, zerolinecolor: c.line, automargin: true});
  return Object.assign({
    margin: {l: 50, r: 10, t: 10, b: 40}, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: {color: c.soft, size: 12}, showlegend: true, legend: {orientation: "h", y: 1.12},
    xaxis: Object.assign(axis(x), more && more.x), yaxis: Object.assign(axis(y), more && more.y),
  }, more && more.top);
}

function draw(data) {
  const c = colours(), config = {displaylogo: false, responsive: true};
  const steps = data.trajectory;
  const at = steps.map(step => step.elapsed_s).concat(data.spent_s);
  const ratios = steps.map(step => step.cost / step.default_cost);
  Plotly.react("trajectory", [
    {name: "default", x: [0, data.spent_s], y: [1, 1], mode: "lines", line: {color: c.other}, hoverinfo: "skip"},
    {name: "incumbent", x: at, y: ratios.concat(ratios.slice(-1)), mode: "lines+markers",
      line: {shape: "hv", color: c.main}, marker: {size: 5}},
  ], layout("seconds of the budget", `${data.cost}, as a part of the default's`, {y: {rangemode: "tozero"}}), config);
  const points = data.instances.filter(each => each.default !== null && each.incumbent !== null);
  const all = points.flatMap(each => [each.default, each.incumbent]);
  const low = Math.min(...all) / 1.3, high = Math.max(...all) * 1.3;
  Plotly.react("scatter", [
    {name: "alike", x: [low, high], y: [low, high], mode: "lines", line: {color: c.soft, dash: "dash"}, hoverinfo: "skip"},
    ...["training", "holdout"].map((part, number) => {
      const own = points.filter(each => each.part === part);
      return {name: part, x: own.map(e => e.default), y: own.map(e => e.incumbent), text: own.map(e => e.name),
        customdata: own.map(e => e.sha256), mode: "markers", marker: {color: number ? c.main : c.other, size: 8},
        hovertemplate: "%{text}<br>default %{x:.3g}<br>incumbent %{y:.3g}<extra></extra>"};
    }),
  ], layout("default", "incumbent", {x: {type: "log"}, y: {type: "log"}}), config).then(figure => {
    figure.removeAllListeners("plotly_click");
    figure.on("plotly_click", event => {
      const instance = event.points[0].customdata;
      if (instance) location.href = `/jobs/${job}/instances/${instance}`;
    });
  });
  Plotly.react("profile", data.profile.map((each, number) => ({
    name: each.name, x: each.ratio, y: each.share, mode: "lines",
    line: {shape: "hv", color: number ? c.main : c.other},
  })), layout("at most so many times the better one's cost", "share of models",
    {x: {type: "log"}, y: {range: [0, 1.02]}}), config);
}

async function refresh() {
  const answer = await fetch(`/jobs/${job}/figures`);
  if (answer.ok) draw(await answer.json());
}

async function renew() {
  const answer = await fetch(location.href);
  if (!answer.ok || answer.redirected) return;
  const now = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ["best", "responses", "events"]) document.getElementById(id).replaceWith(now.getElementById(id));
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
  const source = new EventSource(`/v1/jobs/${job}/events`);
  let changed = false;
  source.addEventListener("job", event => { show(JSON.parse(event.data)); changed = true; });
  source.addEventListener("over", () => { source.close(); location.reload(); });
  setInterval(async () => {
    if (!changed) return;
    changed = false;
    try { await Promise.all([refresh(), renew()]); }
    catch { changed = true; }  // the server is away: again in a moment
  }, 5000);
}

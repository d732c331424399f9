"use strict";
// Draws the charts of the page, and draws them anew when a choice, the width or the colour scheme changes.

const data = JSON.parse(document.getElementById("data").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const address = new URLSearchParams(location.hash.slice(1)); // a link keeps what was chosen: #0x=bytes_sent
const chosen = data.map(({ choices }, number) => Object.fromEntries(["x", "y"].map((axis) => {
  const offered = choices[axis] || [];
  return [axis, offered.find(([key]) => key === address.get(number + axis)) || offered[0]];
})));
const views = [];
let printing = false;

function look() {
  const night = dark.matches && !printing;
  const ink = night ? "#e6e9ed" : "#1b1f24", line = night ? "#3a424b" : "#d5dae0";
  const words = { labelColor: ink, titleColor: ink, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" };
  return {
    night,
    config: {
      background: null,
      font: "system-ui, sans-serif",
      view: { stroke: null },
      axis: { ...words, gridColor: line, domainColor: line, tickColor: line, labelLimit: 140, labelOverlap: true },
      legend: { ...words, labelLimit: 300 },
      text: { color: ink },
    },
  };
}

function rowsOf(columns) {
  const keys = Object.keys(columns);
  const rows = [];
  for (let i = 0; i < (keys.length ? columns[keys[0]].length : 0); i++) {
    rows.push(Object.fromEntries(keys.map((key) => [key, columns[key][i]])));
  }
  return rows;
}

function specified(number, night) {
  const { x, y } = chosen[number];
  const words = {};
  if (x) Object.assign(words, { "@x": x[0], "@x_title": x[1], "@x_step": x[0] === "round" ? 1 : 0 });
  if (y) Object.assign(words, { "@y": y[0], "@y_title": y[1], "@y_low": y[0] + "_low", "@y_high": y[0] + "_high" });
  const fill = (value) => {
    if (typeof value === "string") {
      if (night && value === "#000000") return "#ffffff";
      return Object.hasOwn(words, value) ? words[value] : value;
    }
    if (Array.isArray(value)) return value.map(fill);
    if (value && typeof value === "object") {
      if (night && value.scheme === "blues") return { ...value, reverse: true }; // little is dark there
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, key === "domain" || key === "sort" ? inner : fill(inner)]));
    }
    return value;
  };
  return { ...fill(data[number].spec), width: "container", data: { values: rowsOf(data[number].rows) } };
}

async function draw(number) {
  const { night, config } = look();
  const container = document.getElementById("chart-" + number);
  const { spec } = charts.compile(specified(number, night), { config });
  if (views[number]) views[number].finalize();
  views[number] = new charts.View(charts.parse(spec, null, { ast: true }), {
    container, expr: charts.expressionInterpreter, renderer: "svg", hover: true,
  });
  await views[number].runAsync();
}

async function drawAll() {
  for (let number = 0; number < data.length; number++) await draw(number);
  document.documentElement.dataset.drawn = String(data.length);
}

document.querySelectorAll("select[data-chart]").forEach((select) => {
  const { chart, axis } = select.dataset;
  select.value = chosen[chart][axis][0];
  select.addEventListener("change", () => {
    chosen[chart][axis] = data[chart].choices[axis].find(([key]) => key === select.value);
    address.set(chart + axis, select.value);
    history.replaceState(null, "", "#" + address);
    draw(Number(chart));
  });
});
dark.addEventListener("change", drawAll);
window.addEventListener("beforeprint", () => { printing = true; drawAll(); });
window.addEventListener("afterprint", () => { printing = false; drawAll(); });
let resizing;
window.addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(drawAll, 150); });
drawAll();

if ("live" in document.documentElement.dataset) { // served while a run trains: ask whether there is more
  const { live } = document.documentElement.dataset;
  setInterval(async () => {
    const stamp = await fetch("/stamp").then((answer) => answer.text(), () => live);
    if (stamp !== live) location.reload();
  }, 2000);
}

// The page of the service. Every text is set as text, never as HTML; nothing is asked of any other server.
"use strict";

const $ = (id) => document.getElementById(id);
const TOKEN = "ghn-token"; // kept until the tab is closed
const SHOWN = 5; // neighbours on each side
const SVG = "http://www.w3.org/2000/svg";
const state = { spaces: [], limits: {}, space: null, shown: null, work: null };

function make(tag, attributes = {}, ...inner) {
  const one = tag.startsWith("svg:") ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
  one.append(...inner);
  return one;
}

async function ask(path, body, signal) {
  const headers = { "content-type": "application/json" };
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch(path, { method: body ? "POST" : "GET", headers, signal, body: body && JSON.stringify(body) });
  if (answer.status === 401) {
    $("token-form").hidden = false;
    $("token").focus();
  }
  const found = await answer.json();
  if (!answer.ok) {
    const parts = [found.what, found.got && `got: ${found.got}`, found.expected && `expected: ${found.expected}`, found.fix];
    throw new Error(parts.filter(Boolean).join("\n"));
  }
  return found;
}

function tell(error) {
  if (error.name === "AbortError") return;
  $("problem").textContent = error.message;
  $("problem").hidden = false;
  $("result").setAttribute("aria-busy", "false");
  if ($("score").textContent.startsWith("Loading")) $("score").textContent = "No score";
}

// --- numbers ---

function normal(z) { // the normal distribution below z: Abramowitz & Stegun 26.2.17
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const tail = 0.3989423 * Math.exp(-z * z / 2) *
    t * (0.3193815 + t * (-0.3565638 + t * (1.781478 + t * (-1.821256 + t * 1.330274))));
  return z < 0 ? tail : 1 - tail;
}

function share(quantiles, value) { // of the space that a reading is better than; ties count half
  const below = quantiles.filter((q) => q < value).length, same = quantiles.filter((q) => q === value).length;
  if (same) return (below + same / 2) / quantiles.length;
  if (below === 0 || below === quantiles.length) return below ? 1 : 0;
  const a = quantiles[below - 1], b = quantiles[below];
  return (below - 1 + (value - a) / (b - a)) / (quantiles.length - 1);
}

const percent = (part) => part < 0.005 ? "< 1%" : part > 0.995 ? "> 99%" : `${Math.round(100 * part)}%`;
const signed = (x) => `${x < 0 ? "\u2212" : "+"}${Math.abs(x).toFixed(2)}`;
const short = (x) => Math.abs(x) >= 1000 ? Math.round(x).toLocaleString("en") : x.toPrecision(3);
const words = (name) => name.replaceAll("_", " ").replace("/", ": ");

// --- drawing or pasting ---

function buildDecisions() {
  const group = $("decisions");
  group.replaceChildren(...state.space.decisions.map((decision, i) => {
    const select = make("select", { id: `decision-${i}` }, ...decision.options.map((o, k) => make("option", { value: k }, words(o))));
    select.addEventListener("change", () => show({ choices: selected() }));
    return make("div", {}, make("label", { for: `decision-${i}` }, words(decision.name)), select);
  }));
  group.hidden = !state.space.decisions.length;
}

const selected = () => [...$("decisions").querySelectorAll("select")].map((one) => Number(one.value));

function fillDecisions(found) {
  $("decisions").querySelectorAll("select").forEach((select, i) => {
    if (!found.choices) return;
    select.value = found.choices[i];
    [...select.options].forEach((option, k) => { option.disabled = !found.allowed[i].includes(k); });
  });
  $("text").value = found.architecture;
}

// --- what is shown of an architecture ---

async function show(asked, focus = false) {
  state.work?.abort();
  state.work = new AbortController();
  const { signal } = state.work, space = state.space;
  $("problem").hidden = true;
  $("progress").textContent = "";
  $("result").setAttribute("aria-busy", "true");
  $("score").textContent = "Loading the score";
  try {
    const found = await ask("/describe", { space: space.name, ...asked }, signal);
    state.shown = found;
    fillDecisions(found);
    showGraph(found);
    for (const id of ["distribution", "readings", "uncertain", "better", "worse"]) {
      (id === "readings" ? $(id).tBodies[0] : $(id)).replaceChildren();
    }
    $("size").textContent = `${found.params.toLocaleString("en")} parameters, ` +
      `${found.macs.toLocaleString("en")} multiply-adds, ${found.depth} layers with weights one after the other.`;
    const [score] = await judge([found.architecture], signal);
    if (score.error) throw new Error(score.error);
    showScore(score, space);
    $("result").setAttribute("aria-busy", "false");
    if (focus) $("result").focus();
    await showNeighbours(found, score, signal);
  } catch (error) { tell(error); }
}

async function judge(architectures, signal) {
  const space = state.space;
  const body = space.ranks ? { space: space.name, architectures } : { space: space.name, architectures, skeletons: "fastest" };
  return (await ask(space.ranks ? "/rank" : "/score", body, signal)).scores;
}

function showScore(score, space) {
  const sure = score.std === null ? "" : ` \u00b1 ${score.std.toFixed(2)}`;
  $("score").replaceChildren(make("strong", {}, space.ranks ? signed(score.value) : score.value.toFixed(3)), sure + " ");
  if (space.ranks) {
    const [low, high] = [-1, 1].map((side) => percent(normal(score.value + side * (score.std ?? 0))));
    $("score").append(`standard deviations from the middle of the space: better than about ${percent(normal(score.value))} ` +
      `of it (${low} to ${high} within one standard deviation).`);
    $("distribution").replaceChildren(curve(score));
  } else $("score").append("minus the loss with shared weights; a bank does not say what is usual in its space.");
  const shares = Object.entries(score.readings).filter(([name]) => name in space.population)
    .map(([name, value]) => [name, value, share(space.population[name], value)]);
  $("readings").hidden = !shares.length;
  $("readings").tBodies[0].replaceChildren(...shares.map(([name, value, part]) => make("tr", {},
    make("th", { scope: "row" }, words(name)), make("td", {}, short(value)),
    make("td", {}, make("meter", { min: 0, max: 1, value: part, "aria-hidden": "true" }), percent(part)))));
  showUncertain(score, shares);
}

function showUncertain(score, shares) {
  const said = [];
  if (score.std !== null) {
    said.push("The curve is not measured: readings are scaled so that the space is normal, 0 its middle and 1 its deviation.");
    said.push("The deviation is the same for every network as long as nothing trained is known: without references the " +
      "estimate does not know where it errs. /rank with references, or /observe with /suggest, learn from trainings.");
  }
  if (shares.length > 1) {
    const sorted = [...shares].sort((a, b) => a[2] - b[2]), [low, high] = [sorted[0], sorted[sorted.length - 1]];
    said.push(`The readings ${high[2] - low[2] > 0.4 ? "disagree" : "agree roughly"}: ${words(low[0])} puts it above ` +
      `${percent(low[2])} of the space, ${words(high[0])} above ${percent(high[2])}.`);
  }
  said.push("A score orders networks; it is no accuracy, and it knows only the data and the space of its checkpoint: " +
    `${state.space.checkpoint}.`);
  $("uncertain").replaceChildren(...said.map((text) => make("li", {}, text)));
}

function curve(score) {
  const width = 360, height = 150, base = 112, x = (z) => width / 2 + 50 * Math.max(-3.4, Math.min(3.4, z));
  const at = (z) => `${x(z).toFixed(1)},${(base - 95 * Math.exp(-z * z / 2)).toFixed(1)}`;
  const steps = Array.from({ length: 69 }, (_, i) => -3.4 + i / 10), std = score.std ?? 0;
  const low = score.value - std, high = score.value + std;
  const inside = [low, ...steps.filter((z) => z > low && z < high), high];
  const picture = make("svg:svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
    "aria-label": `The distribution of the space, with this network at ${signed(score.value)}` });
  picture.append(
    make("svg:path", { class: "band", d: `M${x(low)},${base}L${inside.map(at).join("L")}L${x(high)},${base}Z` }),
    make("svg:path", { class: "curve", d: `M${steps.map(at).join("L")}` }),
    make("svg:path", { class: "curve", d: `M10,${base}H${width - 10}` }),
    make("svg:path", { class: "mark", d: `M${x(score.value)},${base + 4}V${base - 100}` }),
    ...[-2, -1, 0, 1, 2].map((z) => make("svg:text", { class: "quiet", x: x(z), y: base + 14 }, z ? signed(z).replace(".00", "") : "0")),
    make("svg:text", { class: "quiet", x: width / 2, y: base + 31 }, "worse \u2190 networks of the space \u2192 better"));
  return picture;
}

function showGraph(found) {
  $("drawings").replaceChildren(...found.drawings.map(drawing));
  if (!found.drawings.length) $("drawings").append("Too large to be drawn.");
  $("links").replaceChildren(...found.drawings.flatMap((one) => one.labels.map((label, i) => {
    const from = one.links.filter(([, to]) => to === i).map(([source]) => `${one.labels[source]} (${source + 1})`);
    return make("li", {}, `${one.title ? `${one.title}: ` : ""}${label}${from.length ? ` reads ${from.join(", ")}` : ""}`);
  })));
}

function drawing(one, k) {
  const unit = 9, layer = 46, top = one.title ? 52 : 26, width = Math.max(160, (one.right - one.left) * unit + 20);
  const height = top + layer * (one.layers - 1) + 26;
  const x = (v) => (v - (one.left + one.right) / 2) * unit + width / 2, y = (v) => top + v * layer;
  const picture = make("svg:svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
    "aria-label": `${one.title || "The network"}: ${one.labels.length} nodes, in words below` });
  const arrow = make("svg:marker", { id: `arrow-${k}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7,
    orient: "auto" }, make("svg:path", { class: "arrow", d: "M0,0L8,4L0,8Z" }));
  picture.append(make("svg:defs", {}, arrow));
  if (one.title) picture.append(make("svg:text", { x: width / 2, y: 16 }, one.title));
  for (const path of one.paths) {
    const points = path.map(([a, b]) => [x(a), y(b)]), last = points.length - 1;
    points[0][1] += 13;
    points[last][1] -= 14;
    let d = `M${points[0]}`;
    for (let i = 1; i <= last; i++) {
      const middle = (points[i - 1][1] + points[i][1]) / 2;
      d += `C${points[i - 1][0]},${middle} ${points[i][0]},${middle} ${points[i]}`;
    }
    picture.append(make("svg:path", { class: "edge", d, "marker-end": `url(#arrow-${k})` }));
  }
  one.labels.forEach((label, i) => {
    const [a, b] = [x(one.places[i][0]), y(one.places[i][1])], half = label === "+" ? 12 : label.length * 3.9 + 8;
    if (!one.ends.includes(i)) {
      picture.append(make("svg:rect", { class: "node", x: a - half, y: b - 12, width: 2 * half, height: 24, rx: label === "+" ? 12 : 5 }));
    }
    picture.append(make("svg:text", { x: a, y: b }, label));
  });
  return picture;
}

// --- neighbours ---

async function showNeighbours(found, score, signal) {
  $("odds").hidden = score.std === null;
  const judged = [], every = found.neighbours, size = Math.min(6, state.limits.networks);
  let failed = 0;
  for (let start = 0; start < every.length; start += size) {
    $("progress").textContent = `${start} of ${every.length} networks one edit away are judged.`;
    const block = every.slice(start, start + size);
    const scores = await judge(block.map((one) => one.architecture), signal);
    scores.forEach((one, i) => { if (one.error) failed += 1; else judged.push({ ...block[i], ...one }); });
    listNeighbours(judged, score);
  }
  const better = judged.filter((one) => one.value > score.value).length;
  $("progress").textContent = every.length ? `Of ${judged.length} networks one edit away ${better} are better` +
    `${failed ? `; ${failed} could not be judged` : ""}.` : "No network is one edit away.";
}

function listNeighbours(judged, score) {
  const sorted = [...judged].sort((a, b) => b.value - a.value);
  const better = sorted.filter((one) => one.value > score.value).slice(0, SHOWN);
  const worse = sorted.filter((one) => one.value <= score.value).slice(-SHOWN).reverse();
  for (const [id, list] of [["better", better], ["worse", worse]]) {
    const focused = $(id).contains(document.activeElement) && document.activeElement.dataset.architecture;
    $(id).replaceChildren(...list.map((one) => neighbour(id, one, score)));
    if (focused) [...$(id).querySelectorAll("button")].find((b) => b.dataset.architecture === focused)?.focus();
    if (!list.length) $(id).append(make("li", {}, "None so far."));
  }
}

function neighbour(id, one, score) {
  const gap = one.value - score.value, spread = Math.hypot(one.std ?? 0, score.std ?? 0);
  const odds = spread ? normal(Math.abs(gap) / spread) : null;
  const sure = odds === null ? "" : `(${id} in ${Math.min(99, Math.round(100 * odds))} of 100)`;
  const button = make("button", { type: "button", "data-architecture": one.architecture },
    make("b", { class: id }, signed(gap)), ` ${one.change ? words(one.change) : one.architecture} `, make("small", {}, sure));
  button.addEventListener("click", () => show({ architecture: one.architecture }, true));
  return make("li", {}, button);
}

// --- beginning ---

function choose(name) {
  state.space = state.spaces.find((one) => one.name === name);
  buildDecisions();
  show({ architecture: state.space.example });
}

async function begin() {
  try {
    const found = await ask("/spaces");
    $("token-form").hidden = true;
    $("problem").hidden = true;
    state.spaces = found.spaces;
    state.limits = found.limits;
    $("space").replaceChildren(...found.spaces.map((one) => make("option", { value: one.name }, `${one.name} (${one.checkpoint})`)));
    $("space-row").hidden = found.spaces.length < 2;
    choose(found.spaces[0].name);
  } catch (error) { tell(error); }
}

$("space").addEventListener("change", (event) => choose(event.target.value));
$("random").addEventListener("click", () => show({}));
$("paste").addEventListener("submit", (event) => {
  event.preventDefault();
  show({ architecture: $("text").value.trim() }, true);
});
$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, $("token").value.trim());
  begin();
});
begin();

// Draws the risk of this session from the history that status.js keeps.
const figure = document.querySelector("[data-risk-chart]");
const svg = figure.querySelector("svg");
const caption = figure.querySelector("figcaption");
const LEFT = 30, RIGHT = 350, TOP = 12, BOTTOM = 150;
const SHORTEST_MS = 60_000, LONGEST_MS = 600_000;

function draw(points) {
  const last = points.at(-1);
  const recent = points.filter((point) => last.at - point.at <= LONGEST_MS);
  const span = Math.max(SHORTEST_MS, last.at - recent[0].at);
  const x = (at) => RIGHT - ((last.at - at) / span) * (RIGHT - LEFT);
  const y = (risk) => BOTTOM - risk * (BOTTOM - TOP);
  svg.replaceChildren(
    ...[0, 0.5, 1].flatMap((risk) => [
      shape("line", { class: "grid", x1: LEFT, x2: RIGHT, y1: y(risk), y2: y(risk) }),
      text(LEFT - 8, y(risk) + 4, risk.toFixed(1), "end"),
    ]),
    text(LEFT, 172, `${minutes(span)} min ago`, "start"),
    text(RIGHT, 172, "now", "end"),
    ...runs(recent).map((run) => shape("path", { class: `line ${run[0].level}`, d: path(run, x, y) })),
    shape("circle", { class: `dot ${last.level}`, cx: x(last.at), cy: y(last.risk), r: 6 }),
  );
  caption.textContent = describe(recent, last, span);
}

// Neighbours of one level in one run; each run starts where the one before ended.
function runs(points) {
  const made = [];
  for (const [i, point] of points.entries()) {
    if (i === 0 || point.level !== points[i - 1].level) {
      made.push(i === 0 ? [point] : [{ ...points[i - 1], level: point.level }, point]);
    } else made.at(-1).push(point);
  }
  return made;
}

const path = (run, x, y) => run.map((p, i) => `${i ? "L" : "M"}${x(p.at).toFixed(1)} ${y(p.risk).toFixed(1)}`).join("");

function describe(points, last, span) {
  const risks = points.map((point) => point.risk);
  const now = last.level === "unknown" ? "Now: not enough movement to tell." : `Now: ${last.level} risk, ${last.risk.toFixed(2)}.`;
  const [lowest, highest] = [Math.min(...risks).toFixed(2), Math.max(...risks).toFixed(2)];
  return lowest === highest ? now : `${now} In the last ${ago(span)} between ${lowest} and ${highest}.`;
}

const minutes = (ms) => Math.round(ms / 60_000);
const ago = (ms) => (minutes(ms) === 1 ? "minute" : `${minutes(ms)} minutes`);

function shape(name, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function text(x, y, words, anchor) {
  const element = shape("text", { x, y, "text-anchor": anchor });
  element.textContent = words;
  return element;
}

document.addEventListener("bank:risk", (event) => draw(event.detail));

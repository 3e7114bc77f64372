// SVG nodes that both drawings share: an element, and labels with their leader lines.

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with attributes, added to `parent`. */
export function element(parent, name, attributes = {}) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return parent.appendChild(node);
}

/** Writes the attributes that change; most of a leg stays as it is while one slider moves. */
export function set(node, values) {
  const known = node.known ??= {};
  for (const name in values) {
    if (known[name] !== values[name]) node.setAttribute(name, known[name] = values[name]);
  }
}

/** Writes the text of an element if it is another one; even the same text anew would be laid out anew. */
export function write(node, text) {
  if (node.written !== text) node.textContent = node.written = text;
}

// A hundredth of a pixel is seen by nobody, and short numbers are quick to read.
const near = (x) => Math.round(100 * x) / 100;

const isStrong = (box, highlight) => highlight.includes(box.id) || highlight.includes(box.anchor);

/** Draws placed labels with leader lines into an SVG group; keeps the nodes while the set of labels stays the same. */
export function drawLabels(group, boxes, { size, colors, highlight = [] }) {
  const state = JSON.stringify([boxes.map((b) => [b.id, b.lines, b.side]), size, colors.text, highlight]);
  if (group.labelState !== state) {
    group.labelState = state;
    group.replaceChildren();
    group.labelNodes = boxes.map((box) => {
      const strong = isStrong(box, highlight);
      const node = element(group, "g", { "data-label": box.id });
      const ink = strong ? colors.strong : colors.leader;
      const line = element(node, "polyline", { fill: "none", stroke: ink, "stroke-width": strong ? 2 : 1.1 });
      const dot = element(node, "circle",
        { r: strong ? 3.6 : 2.8, fill: colors.plate, stroke: ink, "stroke-width": 1.5 });
      const text = element(node, "text", {
        "font-size": size, "font-weight": strong ? 700 : 500, "font-family": "sans-serif",
        fill: strong ? colors.strong : colors.text, "text-anchor": box.side === "left" ? "start" : "end",
        stroke: colors.plate, "stroke-width": 3, "stroke-linejoin": "round", "paint-order": "stroke" });
      box.lines.forEach((words, i) => {
        element(text, "tspan", { x: 0, dy: i ? size * 1.2 : 0 }).textContent = words;
      });
      return { line, dot, text };
    });
  }
  boxes.forEach((box, i) => {
    const { line, dot, text } = group.labelNodes[i];
    const left = box.side === "left";
    const [edge, middle] = [near(left ? box.x + box.width : box.x), near(box.y + box.height / 2)];
    const [cx, cy] = [near(box.ax), near(box.ay)];
    set(line, { points: `${edge} ${middle} ${left ? edge + 8 : edge - 8} ${middle} ${cx} ${cy}` });
    set(dot, { cx, cy });
    set(text, { transform: `translate(${near(left ? box.x + 2 : box.x + box.width - 2)} ${near(box.y + 1 + size)})` });
  });
}

/** The same labels on a 2-D canvas, for a saved picture. */
export function paintLabels(pen, boxes, { size, colors, highlight = [] }) {
  pen.lineJoin = "round";
  for (const box of boxes) {
    const [left, strong] = [box.side === "left", isStrong(box, highlight)];
    const [edge, middle] = [left ? box.x + box.width : box.x, box.y + box.height / 2];
    pen.strokeStyle = strong ? colors.strong : colors.leader;
    pen.lineWidth = strong ? 2 : 1.1;
    pen.beginPath();
    pen.moveTo(edge, middle);
    pen.lineTo(left ? edge + 8 : edge - 8, middle);
    pen.lineTo(box.ax, box.ay);
    pen.stroke();
    pen.beginPath();
    pen.arc(box.ax, box.ay, strong ? 3.6 : 2.8, 0, 7);
    pen.fillStyle = colors.plate;
    pen.fill();
    pen.stroke();
    pen.font = `${strong ? 700 : 500} ${size}px sans-serif`;
    pen.textAlign = left ? "start" : "end";
    box.lines.forEach((words, i) => {
      const at = [left ? box.x + 2 : box.x + box.width - 2, box.y + 1 + size * (1 + 1.2 * i)];
      pen.strokeStyle = colors.plate;
      pen.lineWidth = 3;
      pen.strokeText(words, ...at);
      pen.fillStyle = strong ? colors.strong : colors.text;
      pen.fillText(words, ...at);
    });
  }
}

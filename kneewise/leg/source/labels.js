// Labels stand in two columns, left and right of the leg, level with what they name. Placing is pure arithmetic.

/** About how wide `text` is at font size `size`; sans-serif fonts differ little. */
export function textWidth(text, size) {
  let width = 0;
  for (const letter of String(text)) {
    if (/[iljtfrI.,:;'()| -]/.test(letter)) width += 0.35;
    else width += /[mwMW@]/.test(letter) ? 0.88 : 0.59;
  }
  return width * size;
}

// The same few words are placed again for every picture; how they break is worked out once. A new size empties this.
const kept = { room: "", lines: new Map() };

function lined(text, width, size) {
  const room = `${width} ${size}`;
  if (kept.room !== room) Object.assign(kept, { room, lines: new Map() });
  if (!kept.lines.has(text)) {
    const lines = wrap(text, width, size);
    kept.lines.set(text, { lines, widest: Math.max(...lines.map((line) => textWidth(line, size))) });
  }
  return kept.lines.get(text);
}

/** Words broken into lines of at most `width` pixels at font size `size` (a word is never cut). */
export function wrap(text, width, size) {
  const lines = [];
  for (const word of String(text).split(/\s+/)) {
    const longer = `${lines[lines.length - 1]} ${word}`;
    if (lines.length && textWidth(longer, size) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

// Pushes boxes down from the top, then up from the bottom, so that none overlap and all stay on the stage.
function settle(boxes, top, bottom) {
  boxes.sort((a, b) => a.ay - b.ay);
  let edge = top;
  for (const box of boxes) {
    box.y = Math.max(edge, box.ay - box.height / 2);
    edge = box.y + box.height + 4;
  }
  edge = bottom;
  for (const box of [...boxes].reverse()) {
    box.y = Math.min(box.y, edge - box.height);
    edge = box.y - 4;
  }
  return boxes.length === 0 || boxes[0].y >= top - 0.5;
}

/** The width that labels may take on each side of a stage. */
export function columnWidth(width) {
  return Math.max(64, Math.min(150, width * 0.21));
}

/**
 * Boxes for labels [{id, anchor, text, x, y, side?}] (x, y: the pixel they name) on a stage {width, height, size}.
 * Labels without a side go to the nearer column, half of them to each, unless the leg itself is in that column. Returns
 * [{id, anchor, lines, side, x, y, width, height, ax, ay}]; when a column is full, its last labels are left out.
 */
export function placeLabels(items, { width, height, size }) {
  const column = columnWidth(width);
  const seen = items.filter(({ x, y }) => x > 0 && y > 0 && x < width && y < height);
  const boxes = seen.map(({ id, anchor, text, x, y, side }) => {
    const { lines, widest } = lined(text, column, size);
    return { id, anchor, lines, ax: x, ay: y, side, width: widest * 1.06 + 6, height: lines.length * size * 1.2 + 6 };
  });
  const free = boxes.filter(({ side }) => !side).sort((a, b) => a.ax - b.ax);
  free.forEach((box, i) => {
    const left = i < free.length / 2;
    const crowded = (left ? box.ax : width - box.ax) < Math.min(column + 14, width / 3);
    box.side = left === crowded ? "right" : "left";
  });
  const placed = [];
  for (const side of ["left", "right"]) {
    const own = boxes.filter((box) => box.side === side);
    while (!settle(own, 6, height - 6)) own.pop();
    for (const box of own) box.x = side === "left" ? 6 : width - 6 - box.width;
    placed.push(...own);
  }
  return placed;
}

// From poses and tubes to SVG path data, in hundredths of a centimetre with y up. From the front, x is lateral; from
// the (outer) side, x is backwards; both are mirrored for a right leg.
import { deform } from "./soft.js";

// An outline has two coordinates; the third is read off the neutral bone where a turn makes it matter.
function depth(frame, part, view, h, y) {
  if (view === "front") {
    if (part === "cartilage") return 2; // on the front of the bone: it goes in with the kneecap when the thigh turns in
    if (frame === "femur") return y > 30 ? -1.1 - 0.262 * (h - 4.2) : 0;
    if (frame === "foot") return Math.max(-2, Math.min(13, -2.4 * (y + 2.4)));
    if (part === "fibula") return -1.3;
    return part === "menisci" ? 0.6 : 0;
  }
  if (frame === "femur") return y > 39 && h > -3 ? 0 : 3;
  return frame === "foot" ? -2.2 : 0;
}

const whole = (x) => (x < 0 ? x - 0.5 : x + 0.5) | 0;
const even = (x) => 2 * whole(x / 2);

// Seen along a bent bone, a flat outline would lose the roundness of its end; this gives the end its height back.
function rounding(frame, view, R) {
  const ratio = { femur: 0.85, patella: 0.5 }[frame];
  if (view !== "front" || !ratio) return 1;
  const c = Math.max(0.12, Math.abs(R[4]));
  return Math.min(5, Math.sqrt(c * c + (1 - c * c) * ratio * ratio) / c);
}

// The points of an outline in the frame of its bone, after twist or arch. They only change with these, so the last few
// are kept: of the leg itself and of its ghost.
const KEPT = 4;
const reshaped = new Map();

function localPoints(name, part, lines, view, pose) {
  const own = { femur: pose.twist.femur, tibia: pose.twist.tibia, foot: pose.arch }[part.frame] ?? 0;
  if (!reshaped.has(lines)) reshaped.set(lines, new Map());
  const known = reshaped.get(lines);
  if (known.has(own)) return known.get(own);
  const front = view === "front";
  const loops = lines.map((line) => {
    const points = new Float64Array((line.length / 2) * 3);
    for (let i = 0, j = 0; i < line.length; i += 2, j += 3) {
      const [h, y] = [line[i], line[i + 1]];
      const z = depth(part.frame, name, view, h, y);
      points.set(deform(pose, part.frame, front ? [h, y, z] : [z, y, h]), j);
    }
    return points;
  });
  if (known.size >= KEPT) known.delete(known.keys().next().value);
  known.set(own, loops);
  return loops;
}

/** The outlines of a bone, as in outlines.json, placed by a pose. */
export function bonePath(name, part, lines, view, pose, mirror, closed) {
  const { R, t } = pose.frames[part.frame];
  const [row, sign] = view === "front" ? [0, 100 * mirror] : [6, -100 * mirror];
  const [a, b, c, e] = [sign * R[row], sign * R[row + 1], sign * R[row + 2], sign * t[row / 3]];
  const [f, g, k, l] = [100 * R[3], 100 * R[4], 100 * R[5], 100 * t[1]];
  const s = rounding(part.frame, view, R);
  let d = "";
  for (const points of localPoints(name, part, lines, view, pose)) {
    let [wasX, wasY] = [0, 0];
    for (let i = 0; i < points.length; i += 3) {
      const x = points[i];
      const z = points[i + 2];
      const y = s === 1 || points[i + 1] > 4 ? points[i + 1] + (s === 1 ? 0 : 4 * (s - 1)) : points[i + 1] * s;
      const toX = whole(a * x + b * y + c * z + e);
      const toY = whole(f * x + g * y + k * z + l);
      // Steps from point to point are short numbers: quicker to write, and for the browser to read.
      d += i ? `${toX - wasX} ${toY - wasY} ` : `M${toX} ${toY}l`;
      wasX = toX;
      wasY = toY;
    }
    if (closed) d += "Z";
  }
  return d;
}

/** The sides of a tube as seen: for each ring its centre, and half its width square to the seen centre line (flat). */
export function sides({ count, centre, u, v }, view, mirror) {
  const [k, sign] = view === "front" ? [0, mirror] : [2, -mirror];
  const rings = new Float32Array(4 * count);
  for (let i = 0; i < count; i += 1) {
    const p = 3 * Math.max(0, i - 1);
    const n = 3 * Math.min(count - 1, i + 1);
    const j = 3 * i;
    const dx = sign * (centre[n + k] - centre[p + k]);
    const dy = centre[n + 1] - centre[p + 1];
    const length = Math.sqrt(dx * dx + dy * dy) || 1;
    const nx = -dy / length;
    const ny = dx / length;
    const a = sign * u[j + k] * nx + u[j + 1] * ny;
    const b = sign * v[j + k] * nx + v[j + 1] * ny;
    const half = 100 * Math.sqrt(a * a + b * b);
    rings[4 * i] = 100 * sign * centre[j + k];
    rings[4 * i + 1] = 100 * centre[j + 1];
    rings[4 * i + 2] = nx * half;
    rings[4 * i + 3] = ny * half;
  }
  return rings;
}

// Quadratic curves through the middles of the points: smooth at any zoom for two numbers per point. After the first
// curve T says it all: it takes the mirror image of the last point about the middle, which is the next point. Points
// are whole and even so that the middles are whole too, and mirroring them adds up no error.
function curve(points, closed) {
  const n = points.length;
  let x = even(points[0]);
  let y = even(points[1]);
  let [atX, atY] = closed ? [(even(points[n - 2]) + x) / 2, (even(points[n - 1]) + y) / 2] : [x, y];
  let d = `M${atX} ${atY}q`;
  for (let i = closed ? 0 : 2; i < (closed ? n : n - 2); i += 2) {
    const next = i + 2 < n ? i + 2 : 0;
    if (i) {
      x = even(points[i]);
      y = even(points[i + 1]);
    }
    const toX = (x + even(points[next])) / 2;
    const toY = (y + even(points[next + 1])) / 2;
    d += i === (closed ? 0 : 2) ? `${x - atX} ${y - atY} ${toX - atX} ${toY - atY}t` : `${toX - atX} ${toY - atY} `;
    atX = toX;
    atY = toY;
  }
  return closed ? `${d}Z` : `${d}L${even(points[n - 2])} ${even(points[n - 1])}`;
}

/** A skin tube that points at the viewer has no two sides; there its rings themselves make the outline. */
export function ringPaths(tube, view, mirror) {
  const [k, sign] = view === "front" ? [0, mirror] : [2, -mirror];
  const { count, centre, u, v } = tube;
  let d = "";
  for (let i = 1; i < count; i += 1) {
    const j = 3 * i;
    const [x, y, z] = [0, 1, 2].map((n) => centre[j + n] - centre[j - 3 + n]);
    if (Math.hypot(k ? z : x, y) > 0.62 * Math.hypot(x, y, z)) continue;
    const ring = [];
    const turn = sign * (u[j + k] * v[j + 1] - u[j + 1] * v[j + k]) > 0 ? 1 : -1;
    for (let a = 0; a < 12; a += 1) {
      const [c, s] = [Math.cos((a * Math.PI) / 6), turn * Math.sin((a * Math.PI) / 6)];
      ring.push(100 * sign * (centre[j + k] + u[j + k] * c + v[j + k] * s));
      ring.push(100 * (centre[j + 1] + u[j + 1] * c + v[j + 1] * s));
    }
    d += curve(ring, true);
  }
  return d;
}

/** The outline of a tube from its sides. */
export function tubePath(rings) {
  const n = rings.length;
  const points = new Float32Array(n);
  for (let i = 0; i < n; i += 4) {
    const [a, b] = [i / 2, n - i / 2 - 2];
    points[a] = rings[i] + rings[i + 2];
    points[a + 1] = rings[i + 1] + rings[i + 3];
    points[b] = rings[i] - rings[i + 2];
    points[b + 1] = rings[i + 1] - rings[i + 3];
  }
  return curve(points, true);
}

/** Lines along a tube, each of `across` from -1 to 1 across it. */
export function fibres(rings, across) {
  let d = "";
  for (const at of across) {
    const points = [];
    for (let i = 8; i < rings.length - 8; i += 4) {
      points.push(rings[i] + at * rings[i + 2], rings[i + 1] + at * rings[i + 3]);
    }
    d += curve(points, false);
  }
  return d;
}

// The shape of the groove and of the kneecap in it, seen along the thigh bone. Millimetres; x outwards, y forwards.

/** Half the width of the thigh bone that is drawn. */
export const EDGE = 36;

/** The two lips of the groove: [x, height]. */
export const LIPS = { outer: [19, 8.2], inner: [-18, 6.4] };

// The kneecap about its ridge, from the outer to the inner edge.
const BACK = [[22.5, 11.5], [20.5, 8.2], [15, 5.6], [9, 3.2], [3, 0.9], [-1.5, 0], [-6, 1.3], [-11.5, 3.9], [-17, 7],
  [-20.5, 10.2]];
const FRONT = "C-22.5 12.6 -20 16 -14 19.2C-8 22.2 6 23 12.5 20.6C18 18.6 24 15.2 22.5 11.5Z";

/** The back of the kneecap, as SVG path data. */
export const CAP_BACK = `M${BACK.map((p) => p.join(" ")).join("L")}`;

/** The whole kneecap. */
export const CAP = CAP_BACK + FRONT;

const mix = (a, b, t) => a + (b - a) * Math.min(1, Math.max(0, t));

/** The height of the groove at x. It gets deeper where the bent knee holds the kneecap. */
export function ground(x, deep) {
  const [lip, height] = x >= 0 ? LIPS.outer : LIPS.inner;
  const t = x / lip;
  const tall = height * deep;
  if (t <= 1) return (tall * (1 - Math.cos(Math.PI * t ** 1.12))) / 2;
  return tall - 19 * ((Math.abs(x) - Math.abs(lip)) / (EDGE - Math.abs(lip))) ** 2.3;
}

/** The surface of the groove between two x, as SVG path data. */
export function profile(from, to, deep, lift = 0) {
  let d = "";
  const n = Math.max(4, Math.round(Math.abs(to - from) / 1.2));
  for (let i = 0; i <= n; i += 1) {
    const x = from + ((to - from) * i) / n;
    d += `${i ? "L" : "M"}${x.toFixed(1)} ${(ground(x, deep) + lift).toFixed(2)}`;
  }
  return d;
}

// A typical kneecap already leans outwards a little; the shape above is drawn leaning by this much.
const LEAN_DEG = 6;

/** Where the kneecap sits: moved and tilted as the pose says, then let down onto its cushion of cartilage. */
export function seat({ patella_shift_mm: shift = 0, patella_tilt_deg: tilt = 0, knee_flexion_deg: bend = 0 }) {
  const deep = mix(0.78, 1.1, bend / 60);
  const turn = ((LEAN_DEG - tilt) * Math.PI) / 180;
  const [c, s] = [Math.cos(turn), Math.sin(turn)];
  let y = -Infinity;
  for (const [px, py] of BACK) y = Math.max(y, ground(c * px - s * py + shift, deep) - (s * px + c * py));
  return { deep, matrix: [c, s, -s, c, shift, y + mix(6.2, 3.4, bend / 50)].map((v) => v.toFixed(3)).join(" ") };
}

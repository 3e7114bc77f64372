// Everything that is not bone. Muscles, bands and skin hang on points that are fixed in the frames of the bones and are
// lofted anew for each pose. A tube is { name, tissue, count, centre, u, v, tone, solid }: `count` rings whose points
// are centre + u cos(angle) + v sin(angle); tone is 0 for flesh and 1 for tendon (skin: 0 faded away, 1 whole); solid
// falls to 0 where an end melts into the bone.

const smooth = (from, to, x) => {
  const t = Math.min(1, Math.max(0, (x - from) / (to - from)));
  return t * t * (3 - 2 * t);
};

function turn(p, x0, z0, angle) {
  const [c, s, x, z] = [Math.cos(angle), Math.sin(angle), p[0] - x0, p[2] - z0];
  return [x0 + c * x + s * z, p[1], z0 - s * x + c * z];
}

/** A point of a bone after its own change of shape (twist, arch), still in the bone's frame. gl.js does the same. */
export function deform(pose, frame, p) {
  if (frame === "femur" && p[1] > 24) return turn(p, 4.2, -1.1, pose.twist.femur * smooth(24, 36, p[1]));
  if (frame === "tibia" && p[1] < -12) return turn(p, 0, 0, pose.twist.tibia * smooth(-12, -32, p[1]));
  if (frame !== "foot" || !pose.arch) return p;
  const lift = Math.min(1, Math.max(0, (p[1] + 8) / 8));
  const bump = Math.exp(-((p[0] + 2.6) ** 2) / 9 - (p[2] - 4.3) ** 2 / 26) * Math.min(1, lift * 2.5);
  const x = p[0] - 0.5 * pose.arch * lift * (1 - smooth(1, 8, p[2]));
  const q = [x, Math.max(Math.min(p[1], -8), p[1] - 1.1 * pose.arch * bump), p[2]];
  return p[2] > 5 ? turn(q, 0, 5, 0.1047 * pose.arch) : q;
}

/** A direction of a frame in the world. */
export function direct({ R }, p) {
  return [R[0] * p[0] + R[1] * p[1] + R[2] * p[2], R[3] * p[0] + R[4] * p[1] + R[5] * p[2],
    R[6] * p[0] + R[7] * p[1] + R[8] * p[2]];
}

/** A point of a bone in the world, after twist and arch. */
export function place(pose, frame, p) {
  const { t } = pose.frames[frame];
  const q = direct(pose.frames[frame], deform(pose, frame, p));
  return [q[0] + t[0], q[1] + t[1], q[2] + t[2]];
}

// Key rings: [frame, centre, half width along `wide`, half thickness, tone, solid = 1]; `wide` is a direction in the
// frame.
const PATHS = [
  { name: "outer_band", tissue: "band", wide: [0.12, 0, 1], keys: [
    ["pelvis", [3.3, 10.8, 2.4], 2.4, 0.3, 1, 0], ["femur", [7.5, 42.5, -0.3], 1.8, 0.5, 1],
    ["femur", [8, 34, 0.1], 1.6, 0.36, 1], ["femur", [7.3, 22, 0.2], 1.45, 0.3, 1],
    ["femur", [5.7, 9, -0.2], 1.2, 0.28, 1],
    ["femur", [4.7, 2, 0.2], 1.05, 0.28, 1], ["tibia", [4.1, -2, 1.2], 1, 0.25, 1],
    ["tibia", [3.1, -4.6, 1.8], 0.8, 0.15, 1, 0]] },
  { name: "outer_muscle", tissue: "muscle", wide: [0.5, 0, -0.86], keys: [
    ["femur", [6.1, 39, 0.2], 0.7, 0.4, 0.7, 0.2], ["femur", [6.5, 33, 1.4], 2, 1.2, 0],
    ["femur", [6.3, 25, 2.1], 2.7, 1.75, 0],
    ["femur", [5.2, 16, 2.6], 2.5, 1.6, 0], ["femur", [3.7, 9.5, 3.3], 1.8, 1, 0],
    ["femur", [2.2, 6, 3.35], 1.2, 0.45, 0.95],
    ["patella", [0.9, 2.6, 0.1], 0.9, 0.2, 1, 0]] },
  { name: "inner_muscle", tissue: "muscle", wide: [0.55, 0, 0.84], keys: [
    ["femur", [1.9, 31, 1.7], 0.5, 0.4, 0.3, 0.2], ["femur", [0.3, 23, 2.6], 1.5, 1, 0],
    ["femur", [-1.4, 15, 2.9], 2.2, 1.4, 0],
    ["femur", [-2.8, 9.5, 2.6], 2.6, 1.6, 0], ["femur", [-2.8, 6.6, 2.9], 2, 1.05, 0.15],
    ["femur", [-1.9, 4.6, 3.4], 1.2, 0.5, 0.95],
    ["patella", [-1, 1.9, 0.1], 0.9, 0.2, 1, 0]] },
  { name: "middle_muscle", tissue: "muscle", wide: [1, 0, -0.12], keys: [
    ["pelvis", [1.2, 4.4, 3.2], 0.7, 0.4, 1, 0], ["femur", [2.2, 37.5, 4.5], 1.3, 0.9, 0.35],
    ["femur", [2.7, 29, 5.3], 2.4, 1.5, 0],
    ["femur", [2.2, 20, 5.3], 2.6, 1.55, 0], ["femur", [1.4, 13.5, 4.9], 2, 1.1, 0.05],
    ["femur", [0.9, 8.6, 4.4], 1.7, 0.6, 0.9],
    ["femur", [0.5, 5.4, 4.35], 1.6, 0.4, 1, 0], ["patella", [0, 3.2, 0.2], 1.4, 0.3, 1, 0],
    ["patella", [0, 1.8, 0.5], 1.3, 0.2, 1, 0]] },
  { name: "tendon", tissue: "tendon", wide: [1, 0, 0], keys: [
    ["patella", [0, -0.4, 1.05], 1, 0.12, 1, 0], ["patella", [0, -1.4, 0.75], 1.05, 0.22, 1, 0.6],
    ["patella", [0, -2.3, 0.15], 1.1, 0.36, 1],
    ["tibia", [0.95, -4.6, 3.4], 1.05, 0.36, 1], ["tibia", [1.09, -6, 3], 1.1, 0.3, 1],
    ["tibia", [1, -8.2, 2.2], 0.7, 0.15, 1, 0]] },
];

// What only the 3-D view needs: the sheet in which the muscles meet above the kneecap, the cushion behind its tendon,
// and the muscle at the hip that pulls at the outer band.
const DETAILS = [
  { name: "cushion", tissue: "fat", wide: [1, 0, 0], keys: [
    ["patella", [0, -1.3, -0.5], 1.3, 0.5, 1], ["tibia", [0.15, -1.2, 2], 1.7, 0.7, 1],
    ["tibia", [0.4, -2.6, 2.1], 1.4, 0.6, 1], ["tibia", [0.8, -4.4, 1.7], 0.8, 0.4, 1, 0]] },
  { name: "hip_muscle", tissue: "muscle", wide: [-0.5, 0, 0.86], keys: [
    ["pelvis", [2.9, 9, 3.8], 0.9, 0.5, 0.5, 0], ["pelvis", [3.5, 7.6, 3.6], 1.2, 0.8, 0.1],
    ["femur", [7.3, 40.5, 2.2], 1.8, 1, 0],
    ["femur", [8, 34.5, 0.9], 1.3, 0.55, 0.6], ["femur", [7.9, 29, 0.3], 1, 0.2, 1, 0]] },
  { name: "sheet", tissue: "tendon", wide: [1, 0, -0.06], keys: [
    ["femur", [1.7, 14, 4.2], 1.1, 0.3, 1, 0], ["femur", [0.7, 9, 3.7], 1.9, 0.4, 1],
    ["femur", [0.2, 5.6, 4.1], 2.3, 0.5, 1],
    ["patella", [0, 3, 0.1], 2, 0.36, 1], ["patella", [0, 2.1, 0.45], 1.7, 0.3, 1, 0.8],
    ["patella", [0, 1, 0.9], 1.3, 0.12, 1, 0]] },
];

// What fades out is drawn after what it fades into: the band before the muscle at the hip, the sheet before all others.
const ORDER = ["cushion", "sheet", "outer_band"];
const rank = ({ name }) => (ORDER.indexOf(name) + 1 || 9);
const ALL = [...DETAILS, ...PATHS].sort((a, b) => rank(a) - rank(b));

// Skin: [frame, centre, half width (x), half depth (z), tone].
const THIGH = [
  ["femur", [1.9, 45, -1.2], 8.6, 9.2, 0], ["femur", [1.7, 38, -0.8], 8.9, 9.1, 0.5],
  ["femur", [1.8, 30, 0.2], 8.5, 8.6, 1],
  ["femur", [1.5, 21, 0.6], 7.7, 7.7, 1], ["femur", [0.7, 12.5, 0.3], 6.5, 6.5, 1],
  ["femur", [0, 6.5, 0.1], 5.7, 5.9, 1]];
const CALF = [
  ["tibia", [0.2, -5, -0.6], 5, 5.1, 1], ["tibia", [0.5, -10, -1.5], 5.5, 5.5, 1],
  ["tibia", [0.5, -15, -1.8], 5.4, 5.5, 1],
  ["tibia", [0.3, -22, -1.3], 4.4, 4.6, 1], ["tibia", [0.1, -30, -0.7], 3.3, 3.5, 1],
  ["tibia", [0, -36, -0.7], 3.1, 3.5, 1],
  ["foot", [0, -0.6, -0.5], 3.45, 4, 1], ["foot", [0, -4, -0.6], 3, 3.6, 1], ["foot", [0, -6, -0.8], 2.4, 3, 1]];
const FOOT = [
  ["foot", [0, -5, -6], 1.3, 1.7, 1], ["foot", [0, -5, -5], 2.3, 2.7, 1], ["foot", [0, -4.9, -2.5], 2.95, 3.1, 1],
  ["foot", [0, -4.6, 1], 3.1, 3.4, 1], ["foot", [-0.1, -4.7, 4.5], 3.5, 3.25, 1],
  ["foot", [0, -5.4, 8.5], 4.1, 2.55, 1],
  ["foot", [0.1, -6.2, 12.5], 4.75, 1.75, 1], ["foot", [-0.1, -6.7, 15.8], 4.6, 1.25, 1],
  ["foot", [-0.9, -6.95, 18.6], 3.5, 0.95, 1],
  ["foot", [-1.4, -7.1, 19.7], 2.2, 0.6, 1]];

// Catmull-Rom weights are the same for every tube and pose, so they are worked out once per step count.
const WEIGHTS = new Map();
function weights(steps) {
  if (!WEIGHTS.has(steps)) {
    WEIGHTS.set(steps, Array.from({ length: steps }, (_, i) => {
      const t = i / steps;
      return [t * (-0.5 + t - 0.5 * t * t), 1 + t * t * (-2.5 + 1.5 * t), t * (0.5 + 2 * t - 1.5 * t * t),
        t * t * (-0.5 + 0.5 * t)];
    }));
  }
  return WEIGHTS.get(steps);
}

// A key is [centre x y z, wide direction times half width x y z, half thickness, tone, solid].
function loft(name, tissue, keys, steps) {
  const count = (keys.length - 1) * steps + 1;
  const tube = { name, tissue, count, centre: new Float32Array(count * 3), u: new Float32Array(count * 3),
    v: new Float32Array(count * 3), tone: new Float32Array(count),
    solid: new Float32Array(count) };
  const thick = new Float32Array(count);
  const table = weights(steps);
  for (let i = 0; i < count; i += 1) {
    const at = Math.min(keys.length - 2, Math.floor(i / steps));
    const w = i === count - 1 ? [0, 0, 1, 0] : table[i % steps];
    const [a, b, c, d] = [keys[Math.max(0, at - 1)], keys[at], keys[at + 1], keys[Math.min(keys.length - 1, at + 2)]];
    for (let k = 0; k < 3; k += 1) {
      tube.centre[3 * i + k] = w[0] * a[k] + w[1] * b[k] + w[2] * c[k] + w[3] * d[k];
      tube.u[3 * i + k] = w[0] * a[k + 3] + w[1] * b[k + 3] + w[2] * c[k + 3] + w[3] * d[k + 3];
    }
    thick[i] = Math.max(0.03, w[0] * a[6] + w[1] * b[6] + w[2] * c[6] + w[3] * d[6]);
    for (const [list, k] of [[tube.tone, 7], [tube.solid, 8]]) {
      list[i] = Math.min(1, Math.max(0, w[0] * a[k] + w[1] * b[k] + w[2] * c[k] + w[3] * d[k]));
    }
  }
  square(tube, thick);
  return tube;
}

// Rings stand square on the centre line: u loses its part along the line, v is square to both.
function square({ count, centre, u, v }, thick) {
  for (let i = 0; i < count; i += 1) {
    const [p, n] = [3 * Math.max(0, i - 1), 3 * Math.min(count - 1, i + 1)];
    let [x, y, z] = [centre[n] - centre[p], centre[n + 1] - centre[p + 1], centre[n + 2] - centre[p + 2]];
    const length = Math.hypot(x, y, z) || 1;
    [x, y, z] = [x / length, y / length, z / length];
    const j = 3 * i;
    const wide = Math.hypot(u[j], u[j + 1], u[j + 2]);
    const along = u[j] * x + u[j + 1] * y + u[j + 2] * z;
    let [ux, uy, uz] = [u[j] - along * x, u[j + 1] - along * y, u[j + 2] - along * z];
    const scale = wide / (Math.hypot(ux, uy, uz) || 1);
    [ux, uy, uz] = [ux * scale, uy * scale, uz * scale];
    const s = thick[i] / (wide || 1);
    u.set([ux, uy, uz], j);
    v.set([(uy * z - uz * y) * s, (uz * x - ux * z) * s, (ux * y - uy * x) * s], j);
  }
}

function key(pose, [frame, p, a, b, tone, solid = 1], wide) {
  const c = place(pose, frame, p);
  // The kneecap tips far over with bending; only its side-to-side direction stays comparable with that of the thigh.
  const w = direct(pose.frames[frame], frame === "patella" ? [1, 0, 0] : wide);
  const s = a / (Math.hypot(w[0], w[1], w[2]) || 1);
  return [c[0], c[1], c[2], w[0] * s, w[1] * s, w[2] * s, b, tone, solid];
}

// At the bent knee the ring must hold the kneecap in front and must not push thigh and calf through each other behind.
function kneeRing(pose) {
  const { femur, tibia, patella } = pose.frames;
  const [a, b] = [direct(femur, [0, 0, 1]), direct(tibia, [0, 0, 1])];
  let f = [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
  const n = Math.hypot(...f) || 1;
  f = f.map((x) => x / n);
  const reach = f.reduce((sum, x, k) => sum + x * (patella.t[k] - femur.t[k]), 0);
  const [front, back] = [Math.max(3.6, reach + 1.75), 5.6 * Math.min(1, 0.25 + 0.75 * (n / 2) ** 2)];
  const shift = (front - back) / 2;
  const x = direct(femur, [5.35, 0, 0]);
  const c = [0, 1, 2].map((k) => (femur.t[k] + tibia.t[k]) / 2 + f[k] * shift);
  return [...c, ...x, (front + back) / 2, 1, 1];
}

/** The skin of leg and foot for a pose, as two tubes; `steps` rings per key. */
export function skinTubes(pose, steps = 4) {
  const x = [1, 0, 0];
  const leg = [...THIGH.map((k) => key(pose, k, x)), kneeRing(pose), ...CALF.map((k) => key(pose, k, x))];
  return [loft("skin_leg", "skin", leg, steps), loft("skin_foot", "skin", FOOT.map((k) => key(pose, k, x)), steps)];
}

/** Muscles, tendons and the outer band for a pose, back to front; `steps` rings per key. */
export function softTubes(pose, steps = 5, paths = PATHS) {
  return paths.map(({ name, tissue, wide, keys }) => loft(name, tissue, keys.map((k) => key(pose, k, wide)), steps));
}

/** The same and the details that only show in three dimensions. */
export function allTubes(pose, steps) {
  return softTubes(pose, steps, ALL);
}

const ANCHORS = {
  femur_head: ["femur", [-0.6, 43.6, 1.8]], femur: ["femur", [2.2, 17, 2]], groove: ["femur", [2.9, 1.3, 2.4]],
  patella: ["patella", [0, 0.2, 1]], tibia: ["tibia", [-0.4, -20, 1.6]], tubercle: ["tibia", [1.09, -5.8, 3.3]],
  foot_arch: ["foot", [-2.6, -4.4, 5]], inner_muscle: ["femur", [-3.6, 8, 3.6]], outer_muscle: ["femur", [6.3, 22, 3]],
  outer_band: ["femur", [8, 29, 0.4]], tendon: ["tibia", [0.7, -3.6, 3.9]], pelvis: ["pelvis", [0.6, 10, 2.4]],
};

/** The world point that a label points at; null for an unknown anchor. */
export function anchorPoint(pose, id) {
  return ANCHORS[id] ? place(pose, ...ANCHORS[id]) : null;
}

/** True when the pose differs from the typical leg by something that can be seen. */
export function differs(pose, neutral) {
  const far = (a, b, limit) => a.some((x, i) => Math.abs(x - b[i]) > limit);
  const twists = ["femur", "tibia"].some((f) => Math.abs(pose.twist[f] - neutral.twist[f]) > 0.02);
  const moved = ["femur", "tibia", "patella", "pelvis", "foot"].some((f) =>
    far(pose.frames[f].t, neutral.frames[f].t, 0.12) || far(pose.frames[f].R, neutral.frames[f].R, 0.015));
  return twists || moved || Math.abs(pose.arch - neutral.arch) > 0.06;
}

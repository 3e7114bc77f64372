// Where the sliders stand: starting, clamping, comparing. No page is touched here.

const KEPT = ["knee_flexion_deg", "trunk_lean_deg"]; // the typical leg bends and leans as this one does

/** Values for every input from `given`, each within its range; and the inputs whose given value had to be changed. */
export function complete(model, given) {
  const values = {};
  const clamped = [];
  for (const input of model.inputs) {
    const raw = given && input.id in given ? given[input.id] : input.neutral;
    const checked = model.clamp(input.id, raw);
    values[input.id] = checked.value;
    if (checked.clamped) clamped.push({ input, value: checked.value });
  }
  return { values, clamped };
}

/** The values that differ from the typical leg, which is all that has to be remembered or sent. */
export function differing(model, values) {
  const rest = {};
  for (const input of model.inputs) {
    const value = values[input.id];
    if (Math.abs(value - input.neutral) > 1e-9) rest[input.id] = Number(value.toFixed(3));
  }
  return rest;
}

/** Equal as JSON, whatever the order of the keys. */
export function same(one, other) {
  return stable(one) === stable(other);
}

function stable(value) {
  if (Array.isArray(value)) return `[${value.map(stable)}]`;
  if (value && typeof value === "object") {
    return `{${Object.keys(value).sort().map((key) => `${key}:${stable(value[key])}`)}}`;
  }
  return JSON.stringify(value);
}

/** Whether the leg still shows a factor: every input it moves is at least as far from typical as the factor puts it. */
export function shows(model, values, factor) {
  return Object.entries(factor.moves || {}).every(([id, target]) => {
    const input = model.inputs.find((each) => each.id === id);
    if (!input) return false;
    const wanted = model.clamp(id, target).value - input.neutral;
    return (values[id] - input.neutral) * Math.sign(wanted) >= Math.abs(wanted) - 1e-9;
  });
}

/** The values with `factor` shown: its inputs go where it puts them, unless they are further that way already. */
export function withFactor(model, values, factor) {
  const next = { ...values };
  for (const [id, target] of Object.entries(factor.moves || {})) {
    if (id in next && !shows(model, next, { moves: { [id]: target } })) next[id] = model.clamp(id, target).value;
  }
  return next;
}

/** The values without `factor`: what it had moved is typical again, or where another of `others` puts it. */
export function withoutFactor(model, values, factor, others) {
  const next = { ...values };
  for (const id of Object.keys(factor.moves || {})) if (id in next) next[id] = model.clamp(id, NaN).value;
  return others.reduce((moved, other) => withFactor(model, moved, other), next);
}

/** Whether all that sets this leg apart from the typical one comes from inputs whose step studies do not support. */
export function isFaded(model, values, data) {
  if (data.told !== "studies") return false;
  const unsupported = new Set(data.unsupported_inputs || []);
  const away = (input) => Math.abs(values[input.id] - input.neutral) >= input.step / 2;
  const moved = model.inputs.filter((input) => !KEPT.includes(input.id) && away(input));
  return moved.length > 0 && moved.every((input) => unsupported.has(input.id));
}

/**
 * What to draw: {pose, neutral, values}, at `moment` of a movement if there is one. Whatever the mechanics hold, there
 * is something to draw; `broken` then says that it is not theirs.
 */
export function poseAt(model, values, moment) {
  try {
    const now = moment
      ? model.at(moment.activity, moment.phase, values)
      : { pose: model.evaluate(values), neutral: model.neutral(values), values };
    if (isWhole(now.pose) && isWhole(now.neutral)) return now;
  } catch (reason) {
    // The person reads one sentence instead (words.broken).
  }
  return { pose: STANDING_POSE, neutral: STANDING_POSE, values, broken: true };
}

const UNTURNED = [1, 0, 0, 0, 1, 0, 0, 0, 1];
const at = (x, y, z) => ({ R: UNTURNED, t: [x, y, z] });

// A typical leg standing straight, for when the mechanics cannot be worked out (the frames in which shapes/ builds).
const STANDING_POSE = {
  frames: {
    pelvis: at(0, 90, 0),
    trunk: at(-8.8, 100.5, -4.5),
    femur: at(0, 47, 0),
    tibia: at(0, 47, 0),
    patella: at(0, 48.5, 4.6),
    foot: at(0, 8, 0),
  },
  twist: { femur: 0, tibia: 0 },
  arch: 0,
  out: {
    knee_flexion_deg: 0, level: 0, shift: 0, outside: 0, inside: 0,
    patella_shift_mm: 0, patella_tilt_deg: 0, support_y: 0,
  },
};

// Whether every number a drawing needs is a finite one.
function isWhole(pose) {
  const numbers = Object.values(pose.frames).flatMap((frame) => [...frame.R, ...frame.t]);
  return [...numbers, pose.twist.femur, pose.twist.tibia, pose.arch, pose.out.level].every(Number.isFinite);
}

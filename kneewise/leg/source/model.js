// The leg in the browser: values of the sliders -> poses. All numbers and formulas come with `spec`, from Python.
import { compile, lookUp } from "./graph.js";

const PARTS = ["pelvis", "trunk", "femur", "tibia", "patella", "foot"];

/** The model of one `spec`; throws if the spec is not whole. */
export function createModel(spec) {
  const run = compile(spec.graph);
  const byId = Object.fromEntries(spec.inputs.map((input) => [input.id, input]));
  const typical = Object.fromEntries(spec.inputs.map((input) => [input.id, input.neutral]));

  const clamp = (id, value) => {
    const { minimum, maximum, neutral } = byId[id];
    if (typeof value !== "number" || !Number.isFinite(value)) return { value: neutral, clamped: true };
    const held = Math.min(maximum, Math.max(minimum, value));
    return { value: held, clamped: held !== value };
  };
  const clampAll = (values) => {
    const held = { ...typical };
    for (const [id, value] of Object.entries(values ?? {})) if (id in byId) held[id] = clamp(id, value).value;
    return held;
  };
  const pose = (values, context) => asPose(run({ ...spec.context, ...context, ...values }), values);
  // The typical leg in the same bend and lean: what the change is compared with.
  const usual = (values) => ({
    ...typical,
    knee_flexion_deg: values.knee_flexion_deg,
    trunk_lean_deg: values.trunk_lean_deg,
  });

  return {
    inputs: spec.inputs,
    activities: spec.movements.map(({ id, label, seconds }) => ({ id, label, seconds })),
    clamp,
    evaluate: (values, context = {}) => pose(clampAll(values), context),
    neutral: (values, context = {}) => pose(usual(clampAll(values)), context),
    at(movementId, phase, values) {
      const movement = spec.movements.find(({ id }) => id === movementId);
      const { knee_flexion_deg, ...context } = moment(movement, phase);
      const moved = clampAll({ ...values, knee_flexion_deg });
      return { pose: pose(moved, context), neutral: pose(usual(moved), context), values: moved };
    },
  };
}

/** What a movement gives the model at `phase` (0..1): the knee bend and the context inputs. */
export function moment({ curves, fixed }, phase) {
  const share = (((phase % 1) + 1) % 1) * 100;
  const read = Object.fromEntries(Object.entries(curves).map(([name, points]) => [name, lookUp(share, points)]));
  const { force_profile: profile, ...given } = read;
  return profile === undefined
    ? { ...fixed, ...given }
    : { ...fixed, ...given, force_given_bw: profile * fixed.force_given_bw };
}

function asPose(out, values) {
  const frames = {};
  for (const part of PARTS) {
    const R = [];
    for (let place = 0; place < 9; place += 1) R.push(out[`${part}_r${place}`]);
    frames[part] = { R, t: [out[`${part}_x`], out[`${part}_y`], out[`${part}_z`]] };
  }
  return {
    frames,
    twist: { femur: out.twist_femur, tibia: out.twist_tibia },
    arch: out.arch,
    out: { ...out, knee_flexion_deg: values.knee_flexion_deg },
  };
}

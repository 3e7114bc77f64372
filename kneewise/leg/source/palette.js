// Calm colours only: a person in pain reads red and orange as a warning, so load runs from pale teal to deep indigo.

const LIGHT = {
  stage: ["#f8fafb", "#e6ecf1"], floor: "#cfd9e2", shadow: "#5a6b7d", shadowAlpha: 0.3,
  text: "#1e2935", strong: "#0e3a53", leader: "#5c6c7d", plate: "#f8fafb",
  bone: "#efe4cd", boneShade: "#a98f63", boneLine: "#83704c", cartilage: "#bccfdb", cartilageLine: "#5f7c90",
  muscle: "#c48a7f", muscleShade: "#8f564c", muscleLine: "#8a554b", tendon: "#f7f2e8", tendonShade: "#d9cdb6",
  tendonLine: "#8f8066",
  band: "#f3ebdc", skin: "#e0b79c", skinLine: "#a06f52", ghost: "#50658a", ghostFill: "#8fa2bf", ghostAlpha: 0.7,
  track: "#edf2f4", trackLine: "#5c6c7d", mark: "#3d4f70",
  barLine: "#5c6c7d",
};

const DARK = {
  ...LIGHT,
  stage: ["#222d39", "#151d26"], floor: "#2d3a48", shadow: "#05090d", shadowAlpha: 0.5,
  text: "#e8eef3", strong: "#bfe6ec", leader: "#9fb0c0", plate: "#1d2731",
  bone: "#e9dec6", boneLine: "#a08c66", muscle: "#bb877d", muscleShade: "#8a554b", muscleLine: "#d0a094",
  tendon: "#e6dccb", tendonLine: "#a5967a", band: "#dccfb9", skin: "#b98f78", skinLine: "#c59a80",
  ghost: "#a9c1ec", ghostFill: "#6f86ac", ghostAlpha: 0.9, trackLine: "#9fb0c0", mark: "#a9bce0",
};

const LOAD = [[0, "#c3e3df"], [0.35, "#6bb3b3"], [0.7, "#2a7590"], [1, "#2b3580"]];

/** The colours of the drawings for the light or the dark theme. */
export function palette(dark) {
  return dark ? DARK : LIGHT;
}

/** A "#rrggbb" colour as three numbers from 0 to 1. */
export function rgb(hex) {
  const value = parseInt(hex.slice(1), 16);
  return [(value >> 16) / 255, ((value >> 8) & 255) / 255, (value & 255) / 255];
}

/** The colour of a load level, 0 (low) to 1 (high), as "#rrggbb". */
export function loadColor(level) {
  const t = Math.min(1, Math.max(0, level || 0));
  const k = LOAD.findIndex(([stop], i) => i > 0 && t <= stop);
  const [from, low] = LOAD[k - 1];
  const [to, high] = LOAD[k];
  const [a, b, f] = [rgb(low), rgb(high), (t - from) / (to - from)];
  const byte = (i) => Math.round(255 * (a[i] + (b[i] - a[i]) * f)).toString(16).padStart(2, "0");
  return `#${byte(0)}${byte(1)}${byte(2)}`;
}

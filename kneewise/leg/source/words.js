// What the controls say when the page does not say it otherwise (data.words). Nothing clinical stands here.

const WORDS = {
  view: "View",
  view_front: "Front",
  view_side: "Side",
  view_angled: "Angled",
  view_kneecap: "Kneecap",
  picture: "Picture",
  picture_gl: "3-D",
  picture_svg: "Drawing",
  leg: "Leg",
  left: "Left",
  right: "Right",
  ghost: "Typical leg",
  names: "Names",
  movement: "Movement",
  play: "Play",
  pause: "Pause",
  previous: "Previous",
  next: "Next",
  moment: "Moment {n} of {of}",
  reset: "Reset",
  save_png: "Save the picture (PNG)",
  save_svg: "Save the drawing (SVG)",
  present: "Full screen",
  leave: "Leave full screen",
  kneecap: "The kneecap in its groove, seen from above",
  load: "Load at the kneecap",
  low: "low",
  middle: "in between",
  high: "high",
  typical: "typical",
  typical_key: "typical leg",
  colour: "The colour shows the load behind the kneecap.",
  factors: "What may play a part",
  what_moves: "What moves",
  how_sure: "How sure anyone is",
  what_helps: "What can be done",
  sliders: "Move the leg",
  help: "Drag to turn the leg. With the keyboard: arrow keys turn, plus and minus zoom, 0 goes back.",
  help_svg: "In the 3-D view the leg can be turned. With the keyboard: plus and minus zoom, 0 goes back.",
  loading_3d: "The 3-D view is on its way.",
  no_3d: "This device cannot show the 3-D view, so you see the drawing.",
  lost_3d: "The 3-D view stopped, so you see the drawing.",
  broken: "Part of the picture could not be worked out, so you see a typical leg.",
  faded: "Studies do not support this step, so it is drawn faded.",
  clamped: "{label} goes from {low} to {high}; the leg shows {value}.",
  standing: "This is a picture of how knees work, not a measurement of this knee.",
};

// How a unit is written beside a figure, and how it is spoken.
const UNITS = {
  deg: ["°", "degrees"],
  mm: ["\u00a0mm", "millimetres"],
  cm: ["\u00a0cm", "centimetres"],
  kg: ["\u00a0kg", "kilograms"],
  percent: ["\u00a0%", "percent"],
};

/** The words of the controls: the page's own where it has them. */
export function wordsOf(data) {
  return { ...WORDS, ...(data.words || {}) };
}

/** The data as the patient's words say it, where the page gave them along: for showing the leg to a patient. */
export function inPlainWords(data) {
  if (!data.plain || !data.spec) return data;
  const { inputs, movements, ...said } = data.plain;
  const named = data.spec.movements.map((movement, place) => ({ ...movement, label: movements[place] }));
  return { ...data, ...said, spec: { ...data.spec, inputs, movements: named } };
}

/** What stands beside a slider and what is spoken: {shown: "12° turned in", spoken: "12 degrees, turned in"}. */
export function describeValue(input, value, words) {
  const [sign, name] = UNITS[input.unit] || [input.unit ? `\u00a0${input.unit}` : "", input.unit || ""];
  const twoSided = input.minimum < 0 && input.maximum > 0;
  const figure = String(Number((twoSided ? Math.abs(value) : value).toFixed(1)));
  let which = "";
  if (Math.abs(value - input.neutral) < input.step / 2) which = words.typical;
  else which = (value < input.neutral ? input.low : input.high) || "";
  return {
    shown: `${figure}${sign}`,
    which,
    spoken: [`${figure} ${name}`.trim(), which].filter(Boolean).join(", "),
  };
}

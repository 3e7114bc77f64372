// What the picture shows, in one or a few sentences; the same words and rules as kneewise/leg/sentence.py.

const A_LITTLE = 0.08;
const CLEARLY = 0.35;
const [LOW, HIGH] = [1 / 3, 2 / 3];

/** The text of a picture: bend, what differs from the typical leg, load and side at the kneecap; `faded` adds why. */
export function describe(inputs, values, out, words, faded = false) {
  const bend = Math.round(out.knee_flexion_deg);
  const said = [bend < 3 ? words.say_straight : words.say_bent.replace("{degrees}", String(bend))];
  const changes = [];
  for (const input of inputs) {
    const away = values[input.id] - input.neutral;
    if (input.id === "knee_flexion_deg" || Math.abs(away) < input.step / 2) continue;
    changes.push(away < 0 ? input.seen_low : input.seen_high);
  }
  said.push(changes.length ? words.say_changed.replace("{changes}", listed(changes, words)) : words.say_same);
  const level = out.level < LOW ? "low" : out.level < HIGH ? "middle" : "high";
  said.push(words[`say_load_${level}`] + words[`say_side_${sideOf(out.shift)}`]);
  if (faded) said.push(words.faded);
  return said.join(" ");
}

function sideOf(shift) {
  const size = Math.abs(shift);
  if (size < A_LITTLE) return "same";
  return (shift > 0 ? "outside" : "inside") + (size < CLEARLY ? "_little" : "");
}

function listed(parts, words) {
  if (parts.length === 1) return parts[0];
  return parts.slice(0, -1).join(", ") + ` ${words.say_and} ${parts[parts.length - 1]}`;
}

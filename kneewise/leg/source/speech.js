// What is written under the leg, and what a screen reader is told once the leg is at rest.

import { fill } from "./dom.js";
import { describe } from "./sentence.js";
import { describeValue } from "./words.js";

const SPEAK_AFTER_MS = 400;

/** Writes into the places of the layout. */
export function createSpeech(parts) {
  let timer = 0;
  return {
    say(now, { inputs, words, faded, notes, moving, kind }) {
      const sentence = sentenceFor(now, inputs, words, faded);
      write(parts.sentence, sentence);
      write(parts.standing, words.standing);
      write(parts.status, notes.filter(Boolean).join(" "));
      parts.stage.setAttribute("aria-label", sentence);
      parts.inset.setAttribute("aria-label", words.kneecap);
      write(parts.caption, `${words.kneecap}. \u25bd ${words.typical_key}`);
      write(parts.help, kind === "gl" ? words.help : words.help_svg);
      clearTimeout(timer);
      if (!moving) timer = setTimeout(() => write(parts.spoken, sentence), SPEAK_AFTER_MS);
    },
    stop: () => clearTimeout(timer),
  };
}

/** One sentence for an input whose value had to be brought back into its range. */
export function sayClamped({ input, value }, words) {
  const shown = (number) => describeValue(input, number, words).shown;
  return fill(words.clamped, {
    label: input.label,
    low: `${shown(input.minimum)} (${input.low})`,
    high: `${shown(input.maximum)} (${input.high})`,
    value: shown(value),
  });
}

function sentenceFor(now, inputs, words, faded) {
  try {
    return now.broken ? words.broken : describe(inputs, now.values, now.pose.out, words, faded);
  } catch (reason) {
    return words.broken;
  }
}

// A live region must stay in the page to be heard, so an empty one is only emptied.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

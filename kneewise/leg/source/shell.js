// The whole widget: what is chosen, what is drawn from it, what is told to the host.

import { createControls } from "./controls.js";
import { h } from "./dom.js";
import { listenToStage, straight } from "./gestures.js";
import { hasRealGpu } from "./gpu.js";
import { createInset } from "./inset.js";
import { createLayout } from "./layout.js";
import { createModel } from "./model.js";
import { createMovement } from "./movement.js";
import { createOutbox } from "./outbox.js";
import { createPresenting } from "./present.js";
import { pictureOf, saveLeg } from "./save.js";
import { createSpeech, sayClamped } from "./speech.js";
import { createStage } from "./stage.js";
import { STYLE } from "./style.js";
import { isDark } from "./theme.js";
import { VIEWS } from "./toolbar.js";
import { complete, differing, isFaded, poseAt, same, shows, withFactor, withoutFactor } from "./values.js";
import { inPlainWords, wordsOf } from "./words.js";

const BUILT_FROM = ["spec", "voice", "words", "factors", "groups"];
const NO_MODEL = { inputs: [], activities: [], clamp: () => ({ value: 0, clamped: false }) };

let chosenPicture = null; // what the person chose last in this window, also on a page that is opened again

/** A leg in `host`; the host offers `send(state)` and `fetchShapes()`. */
export function createShell(host, { send, sendPicture, fetchShapes }) {
  const parts = createLayout();
  host.replaceChildren(h("style", {}, STYLE), parts.root);
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const notes = { picture: "", values: "" };
  let given = null; // as it came from the host
  let data = null; // as it is said now: to a clinician, or to whoever looks at the full screen
  let words = wordsOf({});
  let model = NO_MODEL;
  let controls = null;
  let dark = false;
  let scheduled = 0;

  let values = {};
  let view = "front";
  let side = "left";
  let camera = straight();
  let ghost = true;
  let names = true;
  let shown = []; // ids of the factors whose button is pressed
  let told = null; // the factor whose texts are read

  const stage = createStage(parts.stage, fetchShapes, heardFromStage);
  const inset = createInset(parts.inset, {});
  const speech = createSpeech(parts);
  const state = () => ({ values: differing(model, values), side, view, factors: shown, rev: data.rev });
  const outbox = createOutbox(state, send);
  const movement = createMovement(() => model, schedule);
  const presenting = createPresenting(parts.root, speakTo);
  listenToStage(parts.stage, () => camera, move);
  const watcher = new ResizeObserver(() => {
    dark = isDarkHere(); // a notebook fills the widget before it is on the page
    stage.resize();
    inset.resize();
    schedule();
  });
  watcher.observe(parts.stage);
  watcher.observe(parts.inset);

  const on = {
    view(next) {
      view = next;
      camera = straight();
      changed();
    },
    side(next) {
      side = next;
      changed();
    },
    picture(next) {
      chosenPicture = next;
      notes.picture = "";
      stage.want(next);
    },
    ghost() {
      ghost = !ghost;
      schedule();
    },
    names() {
      names = !names;
      schedule();
    },
    reset() {
      [told, camera] = [null, straight()];
      takeValues(data.start || data.values);
      changed();
    },
    activity(id) {
      movement.choose(id);
      schedule();
    },
    play(id) {
      if (!movement.running()) return movement.play(id);
      values = current().values; // where the movement was stopped, the sliders take over
      movement.pause();
      return changed();
    },
    step: (id, by) => movement.step(id, by),
    present: () => presenting.toggle(),
    save: (kind) => {
      const lines = [parts.sentence, parts.standing].map((part) => part.textContent);
      return saveLeg(kind, stage, lines, dark);
    },
    async toPlan() {
      const labels = names ? labelsFor(true).map((label) => ({ ...label, text: label.plain || label.text })) : [];
      const { values: shownValues } = current();
      sendPicture({ ...(await pictureOf(stage, labels)), values: differing(model, shownValues) });
    },
    input(id, value) {
      values = { ...values, [id]: model.clamp(id, value).value };
      // A slider that the movement moves: the person takes over.
      if (movement.moment() && current().values[id] !== values[id]) movement.end();
      notes.values = "";
      stillShown();
      schedule();
    },
    release: changed,
    factor(chosen) {
      const pressed = shown.includes(chosen.id);
      shown = shown.filter((id) => id !== chosen.id);
      if (pressed) values = withoutFactor(model, values, chosen, shown.map(factor));
      else {
        values = withFactor(model, values, chosen);
        shown = [...shown, chosen.id];
      }
      told = pressed ? null : chosen.id;
      stillShown();
      changed();
    },
  };

  // The names that matter in this view; patients get no more than they can use.
  const labelsFor = (patient) => (data.labels || []).filter(
    (label) => !(patient && label.clinician_only) && (!label.views?.length || label.views.includes(view)),
  );

  function factor(id) {
    return (data.factors || []).find((each) => each.id === id);
  }

  function isDarkHere() {
    return typeof data?.dark === "boolean" ? data.dark : isDark(parts.root);
  }

  function stillShown() {
    shown = shown.filter((id) => factor(id) && shows(model, values, factor(id)));
  }

  function move(next) {
    camera = next;
    schedule();
  }

  function changed() {
    schedule();
    outbox.changed();
  }

  function schedule() {
    if (!scheduled) scheduled = requestAnimationFrame(draw);
  }

  function heardFromStage(what) {
    const said = { gl: "", loading: words.loading_3d, no_3d: words.no_3d, lost_3d: words.lost_3d };
    notes.picture = said[what] ?? notes.picture; // the drawing comes with the reason why, which stays
    schedule();
  }

  const current = () => poseAt(model, values, movement.moment());

  function draw() {
    scheduled = 0;
    if (!data) return;
    const now = current();
    const large = presenting.active();
    const patient = large || data.voice === "patient";
    const faded = isFaded(model, now.values, data);
    const labels = names ? labelsFor(patient) : [];
    const highlight = (told && factor(told)?.highlight) || [];
    const { pose, neutral } = now;
    const [moving, moment, kind] = [movement.running(), movement.moment(), stage.kind()];
    const played = moment && data.spec.movements.find(({ id }) => id === moment.activity);
    const step = Boolean(played?.fixed?.hip_held);
    const scene = {
      pose, neutral, side, view, camera, labels, faded, step, dark, words, highlight, large,
      ghost: ghost && !now.broken,
    };
    try {
      stage.draw(scene);
      inset.draw(scene);
    } catch (reason) {
      now.broken = true;
    }
    speech.say(now, { inputs: model.inputs, words, faded, notes: Object.values(notes), moving, kind });
    controls.sync({
      view, side, ghost, names, kind, moving, moment, large, shown, told,
      values: now.values, level: pose.out.level, usual: neutral.out.level,
    });
    const yes = (flag) => (flag ? "yes" : "no");
    const frame = Number(parts.root.dataset.frame || 0) + 1;
    Object.assign(parts.root.dataset, { renderer: kind, view, side, dark: yes(dark), faded: yes(faded), frame });
  }

  function build() {
    try {
      model = createModel(data.spec);
    } catch (reason) {
      model = NO_MODEL;
    }
    values = complete(model, values).values;
    controls = createControls(parts, model, data, on, still);
  }

  // Full screen is for the patient: everything is said in plain words there.
  function speakTo() {
    if (given) {
      data = presenting.active() ? inPlainWords(given) : given;
      words = wordsOf(data);
      build();
      parts.root.querySelector("[data-act=present]")?.focus();
    }
    schedule();
  }

  /** Take new data from the host. Only what really changed there moves the leg; the person's own settings stay. */
  function update(next) {
    const before = data;
    given = next;
    data = presenting.active() ? inPlainWords(given) : given;
    words = wordsOf(data);
    dark = isDarkHere();
    if (!before || BUILT_FROM.some((name) => !same(before[name], data[name]))) build();
    const news = before && !same(before.values, data.values) && !outbox.isEcho(data.values || {});
    if (!before || before.rev !== data.rev || news) takeValues(data.values);
    if (data.side && before?.side !== data.side) side = data.side;
    if (VIEWS.includes(data.view) && before?.view !== data.view) view = data.view;
    if (!before && (chosenPicture || (hasRealGpu() ? "gl" : "svg")) === "gl") stage.want("gl");
    schedule();
  }

  function takeValues(start) {
    movement.end();
    outbox.forget();
    const given = complete(model, start);
    const found = (data.factors || []).filter((each) => (data.factors_on || []).includes(each.id));
    values = start ? given.values : found.reduce((moved, each) => withFactor(model, moved, each), given.values);
    shown = found.map((each) => each.id);
    stillShown();
    notes.values = given.clamped.map((each) => sayClamped(each, words)).join(" ");
  }

  function destroy() {
    given = data = null;
    watcher.disconnect();
    movement.end();
    presenting.destroy();
    speech.stop();
    outbox.stop();
    cancelAnimationFrame(scheduled);
    stage.destroy();
    inset.destroy();
    host.replaceChildren();
  }

  return { update, destroy };
}

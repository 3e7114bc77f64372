// Playing a movement: a loop over its phase, or eight still moments for people who want nothing to move by itself.

export const MOMENTS = 8;

/** Plays the activities of `model()`; `onMoment()` asks for a new picture, `moment()` says which to draw (or null). */
export function createMovement(model, onMoment) {
  let activity = null;
  let phase = 0;
  let running = false;
  let frame = 0;
  let before = 0;

  function tick(now) {
    if (!running) return;
    const seconds = model().activities.find((each) => each.id === activity)?.seconds || 3;
    // After a pause of the page (another tab) the movement goes on where it was, it does not jump.
    const elapsed = before ? Math.min((now - before) / 1000, 0.1) : 0;
    phase = (phase + elapsed / seconds) % 1;
    before = now;
    onMoment();
    frame = requestAnimationFrame(tick);
  }

  const movement = {
    running: () => running,
    moment: () => (activity ? { activity, phase, number: Math.round(phase * MOMENTS) % MOMENTS } : null),
    choose(id) {
      if (activity && activity !== id) phase = 0;
      if (activity) activity = id;
    },
    play(id) {
      if (activity !== id) phase = 0;
      activity = id;
      running = true;
      before = 0;
      frame = requestAnimationFrame(tick);
    },
    pause() {
      running = false;
      cancelAnimationFrame(frame);
    },
    step(id, by) {
      movement.pause();
      const from = activity === id ? Math.round(phase * MOMENTS) : by > 0 ? -1 : 0;
      activity = id;
      phase = ((from + by + MOMENTS) % MOMENTS) / MOMENTS;
      onMoment();
    },
    end() {
      movement.pause();
      activity = null;
      phase = 0;
    },
  };
  return movement;
}

// What the host is told: once when something is let go, never while it is dragged.

import { same } from "./values.js";

const WAIT_MS = 120; // a held arrow key lets the slider go many times a second
const REMEMBERED = 5;

/** Sends `read()` with `send` shortly after `changed()`; knows what it sent, so that an echo is not taken for news. */
export function createOutbox(read, send) {
  let timer = 0;
  let sent = [];
  return {
    changed() {
      clearTimeout(timer);
      timer = setTimeout(() => {
        const state = read();
        if (sent.length && same(sent[sent.length - 1], state)) return;
        sent = [...sent.slice(1 - REMEMBERED), state];
        send(state);
      }, WAIT_MS);
    },
    isEcho: (values) => sent.some((state) => same(state.values, values)),
    forget() {
      clearTimeout(timer);
      sent = [];
    },
    stop: () => clearTimeout(timer),
  };
}

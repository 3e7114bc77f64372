// The door of the bundle, for two hosts. Streamlit calls the default export with an element to fill, on every change
// of data; a notebook (anywidget) calls it with nothing of the kind and is given `render`.

import { createShell } from "./shell.js";

export { createModel } from "./model.js";
export { describe } from "./sentence.js";
export { wordsOf } from "./words.js";
export { isFaded } from "./values.js";

const live = new WeakMap();

// What is the same for every patient (mechanics, words) comes in a message of its own, which Streamlit sends once; what
// changes comes in a small one that names it.
const bases = new Map();
const waiting = new Set();

const whole = (data) => ({ ...bases.get(data.base_id), ...data });

function publish({ base_id, base }) {
  bases.set(base_id, base);
  for (const show of [...waiting]) show();
}

/** Show the leg in Streamlit, or hand a notebook what it needs to show it. */
export default function leg(args) {
  return args && args.parentElement ? showInStreamlit(args) : { render: showInNotebook };
}

function showInStreamlit({ data, parentElement, setStateValue, setTriggerValue }) {
  if (data.base) return publish(data);
  let instance = live.get(parentElement);
  if (!instance) {
    const host = parentElement.querySelector("[data-leg-root]") || parentElement;
    const shell = createShell(host, {
      send: (state) => instance.send("leg", state),
      sendPicture: (picture) => instance.sendOnce("picture", picture),
      fetchShapes: () => fetchBytes(whole(instance.data).shapes_file),
    });
    instance = { shell, newest: 0 };
    live.set(parentElement, instance);
  }
  Object.assign(instance, { data, send: setStateValue, sendOnce: setTriggerValue });
  const mine = (instance.newest += 1);
  const show = () => {
    waiting.delete(show);
    if (instance.newest === mine) instance.shell.update(whole(data));
  };
  if (!data.base_id || bases.has(data.base_id)) show();
  else waiting.add(show);
  // Streamlit runs the clean-up of calls that a newer one has overtaken, after the newer one has drawn.
  return () => {
    waiting.delete(show);
    if (instance.newest !== mine) return;
    live.delete(parentElement);
    instance.shell.destroy();
  };
}

async function fetchBytes(file) {
  if (!file) throw new Error("no shapes");
  const answer = await fetch(new URL(file, import.meta.url));
  if (!answer.ok) throw new Error(`shapes: ${answer.status}`);
  return answer.arrayBuffer();
}

function showInNotebook({ model, el }) {
  const host = document.createElement("div");
  // A notebook may show several legs; each keeps its styles and the names of its fields to itself.
  const root = el.attachShadow ? host.attachShadow({ mode: "open" }) : host;
  el.append(host);
  const inner = document.createElement("div");
  root.append(inner);
  const shell = createShell(inner, {
    send(state) {
      model.set("values", state.values);
      model.set("side", state.side);
      model.save_changes();
    },
    fetchShapes: async () => {
      const shapes = model.get("shapes");
      if (!shapes || !shapes.byteLength) throw new Error("no shapes");
      return shapes;
    },
  });
  const update = () => {
    shell.update({ ...model.get("data"), values: model.get("values"), side: model.get("side") });
  };
  const names = ["change:data", "change:values", "change:side"];
  for (const name of names) model.on(name, update);
  update();
  return () => {
    for (const name of names) model.off(name, update);
    shell.destroy();
  };
}

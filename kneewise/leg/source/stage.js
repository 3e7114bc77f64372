// The two drawings of the leg on one stage. The SVG is always there; the 3-D view comes when wanted and may go.

import { createGl } from "./gl.js";
import { decodeShapes } from "./shapes.js";
import { createSvg } from "./svg.js";
import { h } from "./dom.js";

/**
 * The stage: shows the drawing, and on `want("gl")` fetches the shapes and changes over to 3-D.
 * `fetchShapes()` promises the gzipped bytes; `onChange(what)` hears "gl", "svg", "loading", "no_3d" or "lost_3d".
 */
export function createStage(element, fetchShapes, onChange) {
  const hosts = { svg: h("div", { class: "drawing svg" }), gl: h("div", { class: "drawing gl", hidden: true }) };
  element.append(hosts.svg, hosts.gl);
  const svg = createSvg(hosts.svg, {});
  let gl = null;
  let shapes = null;
  let wanted = "svg";
  let last = null;
  let gone = false;

  const shown = () => (gl && wanted === "gl" ? gl : svg);

  function show() {
    const kind = shown().kind;
    hosts.svg.hidden = kind !== "svg";
    hosts.gl.hidden = kind !== "gl";
    shown().resize();
    if (last) shown().draw(last);
    onChange(kind);
  }

  function dropGl(why) {
    if (gl) gl.destroy();
    gl = null;
    wanted = "svg";
    hosts.gl.replaceChildren();
    if (!gone) {
      show();
      onChange(why);
    }
  }

  async function want(kind) {
    wanted = kind;
    if (kind === "svg" || gl) return show();
    onChange("loading");
    try {
      shapes = shapes || fetchShapes().then(ungzip).then(decodeShapes);
      const ready = await shapes;
      if (gone || gl || wanted !== "gl") return undefined;
      hosts.gl.hidden = false; // a canvas that is measured while hidden has no size
      gl = createGl(hosts.gl, { shapes: ready, onLost: () => dropGl("lost_3d") });
      return show();
    } catch (reason) {
      shapes = null;
      return gone ? undefined : dropGl("no_3d");
    }
  }

  // Paper gets the vectors, whatever the screen shows.
  const forPaper = () => last && svg.draw(last);
  window.addEventListener("beforeprint", forPaper);

  return {
    want,
    kind: () => shown().kind,
    draw(scene) {
      last = scene;
      try {
        shown().draw(scene);
      } catch (reason) {
        if (shown() === svg) throw reason;
        dropGl("lost_3d");
      }
    },
    resize() {
      shown().resize();
      if (last) shown().draw(last);
    },
    // `change` is for what leaves the screen: other words, light as paper. The screen itself stays as it is.
    svgText(change = {}) {
      if (!last) return svg.svgText();
      svg.draw({ ...last, ...change });
      const text = svg.svgText();
      svg.draw(last);
      return text;
    },
    async pngBlob(scale, change = {}) {
      if (!shown().pngBlob || !last) return null;
      shown().draw({ ...last, ...change });
      const blob = await shown().pngBlob(scale);
      shown().draw(last);
      return blob;
    },
    destroy() {
      gone = true;
      window.removeEventListener("beforeprint", forPaper);
      svg.destroy();
      if (gl) gl.destroy();
    },
  };
}

async function ungzip(bytes) {
  const stream = new Response(bytes).body.pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

// Whether this device has a graphics chip worth using, asked once.

const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|microsoft basic/i;
let known = null;

/** True when WebGL 2 runs on a real graphics chip: on a processor the 3-D view would be slower than the drawing. */
export function hasRealGpu() {
  if (known === null) known = ask();
  return known;
}

function ask() {
  try {
    const gl = document.createElement("canvas").getContext("webgl2");
    if (!gl) return false;
    const named = gl.getExtension("WEBGL_debug_renderer_info");
    const renderer = String(gl.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
    // Browsers keep only a few drawing contexts alive; this one has answered.
    gl.getExtension("WEBGL_lose_context")?.loseContext();
    return !SOFTWARE.test(renderer);
  } catch (refusal) {
    return false;
  }
}

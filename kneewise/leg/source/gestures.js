// Mouse, touch and keyboard on the stage. The page must still scroll: a wheel zooms only on purpose.

const TURN_PER_PIXEL = 0.009;
const TURN_PER_KEY = 0.12;
const ZOOM_PER_KEY = 1.12;
const STEEPEST = 1.2;
const ZOOM = { least: 0.7, most: 4 };
const KEYS = {
  ArrowLeft: (camera) => turn(camera, TURN_PER_KEY, 0),
  ArrowRight: (camera) => turn(camera, -TURN_PER_KEY, 0),
  ArrowUp: (camera) => turn(camera, 0, -TURN_PER_KEY),
  ArrowDown: (camera) => turn(camera, 0, TURN_PER_KEY),
  "+": (camera) => zoom(camera, ZOOM_PER_KEY),
  "=": (camera) => zoom(camera, ZOOM_PER_KEY),
  "-": (camera) => zoom(camera, 1 / ZOOM_PER_KEY),
  0: () => straight(),
};

/** The camera of a view as it comes: not turned, not zoomed. */
export function straight() {
  return { yaw: 0, pitch: 0, zoom: 1 };
}

function turn(camera, yaw, pitch) {
  return {
    ...camera,
    yaw: camera.yaw + yaw,
    pitch: Math.min(Math.max(camera.pitch + pitch, -STEEPEST), STEEPEST),
  };
}

function zoom(camera, factor) {
  return { ...camera, zoom: Math.min(Math.max(camera.zoom * factor, ZOOM.least), ZOOM.most) };
}

/** Let the stage be turned and zoomed; `read` gives the camera, `write` takes the new one. */
export function listenToStage(stage, read, write) {
  const fingers = new Map();
  const spread = () => {
    const [one, other] = [...fingers.values()];
    return Math.hypot(one.x - other.x, one.y - other.y);
  };

  stage.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    stage.setPointerCapture(event.pointerId);
    stage.classList.add("held");
  });
  stage.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const apart = fingers.size === 2 ? spread() : 0;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (apart) write(zoom(read(), spread() / apart));
    else if (fingers.size === 1) {
      const [dx, dy] = [event.clientX - before.x, event.clientY - before.y];
      // The leg follows the finger, so the camera goes the other way round it.
      write(turn(read(), -dx * TURN_PER_PIXEL, dy * TURN_PER_PIXEL));
    }
  });
  const lift = (event) => {
    fingers.delete(event.pointerId);
    if (!fingers.size) stage.classList.remove("held");
  };
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) stage.addEventListener(name, lift);

  stage.addEventListener("dblclick", () => write(straight()));
  stage.addEventListener(
    "wheel",
    (event) => {
      const focused = stage.getRootNode().activeElement === stage;
      if (!event.ctrlKey && !focused) return;
      event.preventDefault();
      write(zoom(read(), Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015))));
    },
    { passive: false },
  );
  stage.addEventListener("keydown", (event) => {
    const change = KEYS[event.key];
    if (!change || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    write(change(read()));
  });
}

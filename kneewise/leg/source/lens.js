// The camera of the 3-D view.

// Turn and height of the camera, radians.
const VIEWS = { front: [0, 0.03], side: [Math.PI / 2, 0.03], angled: [0.62, 0.09], kneecap: [0.42, 0.14] };
const OPENING = 0.36;

/** Matrices and a projection for a scene. A right leg is the mirror image of the whole picture of a left one. */
export function lens({ view, camera = {}, side, pose, step }, width, height) {
  const m = side === "right" ? -1 : 1;
  const [yaw0, pitch0] = VIEWS[view] ?? VIEWS.front;
  const yaw = yaw0 + m * (camera.yaw || 0);
  const pitch = Math.min(1.2, Math.max(-0.35, pitch0 + (camera.pitch || 0)));
  const knee = pose.frames.femur.t;
  const close = view === "kneecap";
  // The close view follows the knee, but lets half of its way in or out be seen; the others stand still.
  const [x, y, z, tall, wide] = close ? [knee[0] * 0.5 + 0.4, knee[1] + 0.3, knee[2] + 1, 14, 13]
    : step ? [-0.5, 60, 6, 66, 36] : [-0.5, 50.4, view === "side" ? -1.5 : 1, 53.8, view === "front" ? 28 : 34];
  const target = [x, y, z];
  const half = Math.max(tall, (wide * height) / width);
  const reach = half / Math.tan(OPENING / 2) / (camera.zoom || 1) + (close ? 4 : 6);
  const back = [Math.sin(yaw) * Math.cos(pitch), Math.sin(pitch), Math.cos(yaw) * Math.cos(pitch)];
  const right = [Math.cos(yaw), 0, -Math.sin(yaw)];
  const up = [back[1] * right[2], back[2] * right[0] - back[0] * right[2], -back[1] * right[0]];
  const eye = target.map((x, i) => x + reach * back[i]);
  const [near, far, f] = [Math.max(4, reach - 110), reach + 160, 1 / Math.tan(OPENING / 2)];
  const rows = [right.map((x) => (x * m * f * height) / width), up.map((x) => x * f),
    back.map((x) => (x * (far + near)) / (near - far)), back.map((x) => -x)];
  const off = [0, 0, (2 * far * near) / (near - far), 0];
  const matrix = new Float32Array(16);
  rows.forEach((row, r) => {
    for (let k = 0; k < 3; k += 1) matrix[4 * k + r] = row[k];
    matrix[12 + r] = off[r] - row.reduce((sum, x, k) => sum + x * eye[k], 0);
  });
  const look = new Float32Array(9);
  [right, up, back].forEach((row, r) => row.forEach((x, k) => { look[3 * k + r] = x; }));
  const project = (p) => {
    const q = rows.map((row, r) => row.reduce((sum, x, k) => sum + x * (p[k] - eye[k]), off[r]));
    return [(q[0] / q[3] * 0.5 + 0.5) * width, (0.5 - (q[1] / q[3]) * 0.5) * height];
  };
  return { m, eye, matrix, look, project };
}

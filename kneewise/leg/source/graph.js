// Evaluates the mechanics, which Python writes down as data (kneewise/mechanics/graph.py). The order of OPERATIONS is
// the code of a step; a test holds both sides to the same answers to nine decimals.

const OPERATIONS = ["add", "sub", "mul", "div", "neg", "sin", "cos", "asin", "atan2", "sqrt", "tanh", "min", "max", "table"];
const [ADD, SUB, MUL, DIV, NEG, SIN, COS, ASIN, ATAN2, SQRT, TANH, MIN, MAX, TABLE] = OPERATIONS.keys();

/** `ys` at `x`: linear between ascending `xs`, held at the ends. */
export function lookUp(x, [xs, ys]) {
  const last = xs.length - 1;
  if (x <= xs[0]) return ys[0];
  if (x >= xs[last]) return ys[last];
  let right = 1;
  while (xs[right] <= x) right += 1;
  const share = (x - xs[right - 1]) / (xs[right] - xs[right - 1]);
  return ys[right - 1] + share * (ys[right] - ys[right - 1]);
}

/** A function of {input: number} that returns {output: number}; throws for a graph that is not whole. */
export function compile({ inputs, literals, tables, steps, outputs }) {
  const first = inputs.length + literals.length;
  const values = new Float64Array(first + steps.length);
  literals.forEach((number, position) => {
    if (!Number.isFinite(number)) throw new Error("a constant of the leg is missing");
    values[inputs.length + position] = number;
  });
  const flat = Int32Array.from(steps.flatMap(([code, a, b = 0]) => [code, a, b]));
  const named = Object.entries(outputs);
  const broken = named.some(([, place]) => !(place >= 0 && place < values.length));
  if (broken || named.length === 0) throw new Error("an output of the leg is missing");
  return (given) => {
    inputs.forEach((name, position) => {
      if (!Number.isFinite(given[name])) throw new Error(`the input ${name} of the leg is missing`);
      values[position] = given[name];
    });
    for (let step = 0, at = 0; step < steps.length; step += 1, at += 3) {
      const a = values[flat[at + 1]];
      const b = values[flat[at + 2]];
      values[first + step] = operate(flat[at], a, b, tables, flat[at + 2]);
    }
    const result = {};
    for (const [name, place] of named) result[name] = values[place];
    return result;
  };
}

function operate(code, a, b, tables, place) {
  switch (code) {
    case ADD: return a + b;
    case SUB: return a - b;
    case MUL: return a * b;
    case DIV: return a / b;
    case NEG: return -a;
    case SIN: return Math.sin(a);
    case COS: return Math.cos(a);
    case ASIN: return Math.asin(a);
    case ATAN2: return Math.atan2(a, b);
    case SQRT: return Math.sqrt(a);
    case TANH: return Math.tanh(a);
    case MIN: return Math.min(a, b);
    case MAX: return Math.max(a, b);
    case TABLE: return lookUp(a, tables[place]);
    default: throw new Error("the mechanics of the leg are of another version");
  }
}

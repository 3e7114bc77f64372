// Streamlit's theme reaches into the shadow root as --st-... variables; the fallbacks are for notebooks.

export const STYLE = `
.leg { container-type: inline-size; --ink: var(--st-text-color, #15191a); --paper: var(--st-background-color, #fcfcfa);
  --panel: var(--st-secondary-background-color, #eef3f2); --accent: var(--st-primary-color, #0b5d66);
  --line: var(--st-border-color, #c9d3d2); --soft: color-mix(in srgb, var(--ink) 74%, var(--paper));
  --edge: color-mix(in srgb, var(--ink) 55%, var(--paper)); --ahead: 4.2rem; --stage-height: 460px;
  color: var(--ink); font: 400 max(15px, 0.94rem)/1.45 var(--st-font, system-ui, sans-serif); }
.leg[data-dark=yes] { --ink: var(--st-text-color, #eef3f2); --paper: var(--st-background-color, #12191b);
  --panel: var(--st-secondary-background-color, #1c2629); --accent: var(--st-primary-color, #5cc3cb);
  --line: var(--st-border-color, #3a484b); }
.leg *, .leg *::before { box-sizing: border-box; }
.leg [hidden] { display: none !important; }
.leg :is(h3, p) { margin: 0; }
.leg h3 { font-size: 1em; font-weight: 650; }
.leg :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

.frame { display: flex; flex-direction: column; gap: 14px; }
.main { display: contents; }
.near { display: flex; flex-direction: column; gap: 14px; }

/* While the sliders below are moved on a phone, the leg stays in sight. */
.stage { position: sticky; top: var(--ahead); z-index: 2; height: min(var(--stage-height), 52vh); min-height: 300px;
  border: 1px solid var(--line); border-radius: 14px; background: var(--paper); overflow: hidden;
  touch-action: pan-y; user-select: none; -webkit-user-select: none; cursor: default; }
.leg[data-renderer=gl] .stage { cursor: grab; }
.leg[data-renderer=gl] .stage.held { cursor: grabbing; }
.drawing { position: absolute; inset: 0; }
.above { border: 1px solid var(--line); border-radius: 14px; overflow: hidden; background: var(--paper); }
.caption { padding: 7px 14px; font-size: 0.85em; border-bottom: 1px solid var(--line); }
.inset { height: 206px; }

.bar { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
.buttons { display: flex; flex-wrap: wrap; gap: 8px; }
.bar .end { margin-inline-start: auto; }
.movement { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
.moment { color: var(--soft); font-size: 0.9em; }

.leg :is(button, select) { font: inherit; font-size: 0.92em; min-height: 36px; padding: 4px 12px; color: var(--ink);
  background: var(--paper); border: 1px solid var(--edge); border-radius: 9px; cursor: pointer; display: inline-flex;
  align-items: center; gap: 7px; text-align: start; }
.leg select { display: inline-block; padding-inline-end: 6px; }
.leg :is(button, select):hover { border-color: var(--accent); background: var(--panel); }
.leg button[aria-pressed=true] { background: var(--accent); border-color: var(--accent); color: var(--paper); }
.leg button[data-act=play] { background: var(--accent); border-color: var(--accent); color: var(--paper);
  min-width: 6.2em; font-weight: 600; }
.leg .switch[aria-pressed=true] { background: color-mix(in srgb, var(--accent) 16%, var(--paper)); color: var(--ink); }
.leg .switch[aria-pressed=false] .icon { visibility: hidden; }
.leg .switch { padding-inline-start: 9px; }
.leg .bare { padding: 4px 9px; }
.icon { width: 1.05em; height: 1.05em; fill: currentColor; flex: none; }

.choice { display: inline-flex; padding: 3px; gap: 2px; border-radius: 11px; background: var(--panel);
  border: 1px solid var(--line); }
.choice input { position: absolute; opacity: 0; width: 1px; height: 1px; margin: 0; }
.choice label { min-height: 30px; padding: 4px 8px; border-radius: 8px; font-size: 0.92em; cursor: pointer;
  display: inline-flex; align-items: center; }
.choice label:hover { background: color-mix(in srgb, var(--accent) 14%, var(--panel)); }
.choice input:checked + label { background: var(--accent); color: var(--paper); font-weight: 600; }
.choice input:focus-visible + label { outline: 3px solid var(--accent); outline-offset: 2px; }

.said { display: flex; flex-direction: column; gap: 6px; }
.sentence { font-size: 1.12em; font-weight: 500; min-height: 2.9em; }
.leg[data-faded=yes] .sentence { padding-inline-start: 10px; border-inline-start: 3px dashed var(--edge); }
.foot { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; justify-content: space-between; }
.standing { color: var(--soft); font-size: 0.9em; }
.said > p:empty:not(.unseen, .status) { display: none; }
.status { color: var(--ink); font-size: 0.92em; padding: 8px 12px; border-radius: 9px; background: var(--panel);
  border: 1px solid var(--line); }
.status:empty { padding: 0; border: 0; }

.meter-box, .card { padding: 12px 14px; border: 1px solid var(--line); border-radius: 14px; background: var(--paper); }
.head { display: flex; justify-content: space-between; gap: 10px; align-items: baseline; }
.ends { display: flex; justify-content: space-between; gap: 12px; color: var(--soft); font-size: 0.8em;
  line-height: 1.25; }
.ends span:last-child { text-align: end; }
.scale { position: relative; height: 14px; margin: 16px 0 6px; border-radius: 7px; print-color-adjust: exact;
  background: linear-gradient(90deg, #c3e3df, #6bb3b3 35%, #2a7590 70%, #2b3580); border: 1px solid var(--edge); }
.scale i { position: absolute; top: 50%; transform: translate(-50%, -50%); }
.scale .pointer { left: calc(var(--level) * 100%); width: 5px; height: 24px; border-radius: 2px;
  background: var(--ink); border: 1px solid var(--paper); }
.scale .pointer::before { content: ""; position: absolute; left: 50%; top: -9px; transform: translateX(-50%);
  border: 8px solid transparent; border-top: 10px solid var(--ink); border-bottom: 0; }
.scale .usual { left: calc(var(--usual) * 100%); width: 2px; height: 20px; background: var(--ink); }
.scale .usual::after { content: ""; position: absolute; left: 50%; bottom: -7px; transform: translateX(-50%);
  border: 6px solid transparent; border-bottom: 8px solid var(--ink); border-top: 0; }
.colour { margin: 6px 0 0; font-size: 0.88em; color: var(--soft); }

.sliders { display: grid; gap: 16px 24px; grid-template-columns: minmax(0, 1fr); align-items: start; }
.group { display: flex; flex-direction: column; gap: 8px; min-width: 0; }
.group h3 { padding-bottom: 3px; border-bottom: 1px solid var(--line); }
.slider label { font-size: 0.94em; }
.slider .value { white-space: nowrap; font-size: 0.88em; color: var(--soft); }
.slider .value b { color: var(--ink); font-size: 1.07em; font-weight: 600; font-variant-numeric: tabular-nums; }
.track { position: relative; --thumb: 22px; height: 28px; }
.tick { position: absolute; top: 3px; bottom: 3px; width: 3px; margin-inline-start: -1.5px; border-radius: 2px;
  background: var(--edge); pointer-events: none;
  left: calc(var(--thumb) / 2 + var(--typical) * (100% - var(--thumb))); }
.track input { position: relative; z-index: 1; appearance: none; -webkit-appearance: none; width: 100%; height: 28px;
  margin: 0; background: none; cursor: pointer; touch-action: pan-y; }
.track::before { content: ""; position: absolute; left: 0; right: 0; top: 11px; height: 6px; border-radius: 3px;
  --from: calc(var(--thumb) / 2 + min(var(--value), var(--typical)) * (100% - var(--thumb)));
  --to: calc(var(--thumb) / 2 + max(var(--value), var(--typical)) * (100% - var(--thumb)));
  --rest: color-mix(in srgb, var(--ink) 14%, var(--paper)); box-shadow: inset 0 0 0 1px var(--edge);
  background: linear-gradient(90deg, var(--rest) var(--from), var(--accent) var(--from), var(--accent) var(--to),
  var(--rest) var(--to)); print-color-adjust: exact; }
.track input::-webkit-slider-thumb { -webkit-appearance: none; width: var(--thumb); height: var(--thumb);
  border-radius: 50%; background: var(--paper); border: 5px solid var(--accent); box-shadow: 0 1px 3px #0005; }
.track input::-moz-range-thumb { box-sizing: border-box; width: var(--thumb); height: var(--thumb); border-radius: 50%;
  background: var(--paper); border: 5px solid var(--accent); }
.track input::-moz-range-track { background: none; }
.track input:focus-visible { outline: none; }
.track input:focus-visible::-webkit-slider-thumb { outline: 3px solid var(--accent); outline-offset: 2px; }
.track input:focus-visible::-moz-range-thumb { outline: 3px solid var(--accent); outline-offset: 2px; }

.factors { display: flex; flex-direction: column; gap: 8px; }
.chips { display: flex; flex-wrap: wrap; gap: 7px; }
.leg .chips button { border-radius: 17px; line-height: 1.2; min-height: 33px; }
.card { flex: 1 0 100%; display: flex; flex-direction: column; gap: 8px; background: var(--panel); font-size: 0.92em; }
.card b { display: block; font-weight: 650; }

@container (min-width: 600px) {
  .frame { --stage-height: 520px; }
  .near { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); align-items: start; }
  .above { grid-area: 1 / 1; }
  .meter-box { grid-area: 2 / 1; }
  .factors-box { grid-area: 1 / 2 / span 2; }
  .sliders { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
@container (min-width: 820px) {
  .frame { --stage-height: clamp(420px, calc(100vh - 19rem), 520px); /* so that all of .main stays in sight */
    display: grid; gap: 16px 20px; grid-template: "main near" auto "main sliders" 1fr
    / minmax(0, 1fr) minmax(300px, 36%); align-items: start; }
  .main { grid-area: main; display: flex; flex-direction: column; gap: 12px; position: sticky; top: var(--ahead); }
  .stage { position: relative; top: 0; height: var(--stage-height); }
  .near { grid-area: near; display: flex; align-items: stretch; }
  .sliders-box { grid-area: sliders; }
  .sliders { grid-template-columns: minmax(0, 1fr); }
}
@container (min-width: 1160px) {
  .frame { --stage-height: 620px; grid-template: "main near sliders" auto / minmax(0, 1fr) 290px 310px; }
  .main { position: static; }
}

.presenting { background: var(--paper); overflow: auto; padding: 20px 28px; font-size: max(19px, 1.2rem); }
.presenting[data-screen=over] { position: fixed; inset: 0; z-index: 1000000; }
.presenting .saving { display: none; }
.presenting .frame { --stage-height: max(420px, calc(100vh - 300px)); --ahead: 0px; }
@media print {
  .bar, .saving { display: none !important; }
  .drawing.gl { display: none !important; }
  .drawing.svg { display: block !important; }
  .main { position: static !important; }
  .stage { position: relative !important; top: 0; print-color-adjust: exact; }
  .inset { print-color-adjust: exact; break-inside: avoid; }
}
`;

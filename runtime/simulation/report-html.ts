/** The report of a run as one page without any reference to elsewhere: figures, charts over time, the final topology. */
import type { RunCost } from './report-text.ts';
import type { Sample, ScenarioResult } from './scenario.ts';
import type { ScenarioOptions } from './scenario-options.ts';

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => (c === '&' ? '&amp;' : c === '<' ? '&lt;' : c === '>' ? '&gt;' : '&quot;'));

const CHART = { width: 640, height: 150, left: 52, bottom: 22 } as const;

/** One line chart as SVG: value over virtual seconds. */
function chart(title: string, samples: readonly Sample[], of: (s: Sample) => number): string {
  const { width, height, left, bottom } = CHART;
  const top = Math.max(1, ...samples.map(of));
  const end = Math.max(1, ...samples.map((s) => s.atMs));
  const x = (ms: number): number => left + (ms / end) * (width - left - 8);
  const y = (v: number): number => 8 + (1 - v / top) * (height - bottom - 8);
  const points = samples.map((s) => `${x(s.atMs).toFixed(1)},${y(of(s)).toFixed(1)}`).join(' ');
  return `<figure><figcaption>${escapeHtml(title)}</figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}">
<line x1="${left}" y1="8" x2="${left}" y2="${height - bottom}"/><line x1="${left}" y1="${height - bottom}" x2="${width - 8}" y2="${height - bottom}"/>
<text x="${left - 6}" y="16" text-anchor="end">${Math.round(top * 10) / 10}</text><text x="${left - 6}" y="${height - bottom}" text-anchor="end">0</text>
<text x="${width - 8}" y="${height - 6}" text-anchor="end">${Math.round(end / 1_000)} s</text>
<polyline points="${points}"/></svg></figure>`;
}

const row = (name: string, value: string): string =>
  `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`;

function table(values: Readonly<Record<string, unknown>>): string {
  const rows = Object.entries(values).map(([name, value]) =>
    row(name, typeof value === 'object' ? JSON.stringify(value) : String(value)),
  );
  return `<table>${rows.join('')}</table>`;
}

const STYLE = `body{font:15px/1.45 system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem;color:#1b2430;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse}th{text-align:left;font-weight:500;padding:2px 16px 2px 0;vertical-align:top}
td{font-family:ui-monospace,monospace;word-break:break-word}figure{margin:0 0 1rem;display:inline-block;width:min(520px,100%)}
svg line{stroke:#8894a5}svg text{font-size:11px;fill:#55606f}svg polyline{fill:none;stroke:#1668dc;stroke-width:2}
canvas{width:min(900px,100%);border:1px solid #d5dbe3}.bad{color:#b3261e}
@media(prefers-color-scheme:dark){body{color:#dfe5ee;background:#12161c}svg text{fill:#9aa7b8}canvas{border-color:#333c48}}`;

/** Peers on a ring in the order of their ids, links as chords; a click shows one peer's links. */
const SCRIPT = `const data=JSON.parse(document.getElementById('topology').textContent);
const canvas=document.getElementById('graph'),g=canvas.getContext('2d'),say=document.getElementById('picked');
const size=900,r=size/2-20;canvas.width=canvas.height=size;
const nodes=data.map(([index,id,links],i)=>({index,id,links,x:size/2+r*Math.cos(2*Math.PI*i/data.length),y:size/2+r*Math.sin(2*Math.PI*i/data.length)}));
const by=new Map(nodes.map(n=>[n.index,n]));
function draw(picked){g.clearRect(0,0,size,size);g.lineWidth=1;
g.strokeStyle='rgba(22,104,220,'+Math.max(.03,Math.min(.5,40/nodes.length))+')';g.beginPath();
for(const n of nodes)for(const l of n.links){const o=by.get(l);if(o&&n.index<l){g.moveTo(n.x,n.y);g.lineTo(o.x,o.y);}}g.stroke();
if(picked){g.strokeStyle='#d97706';g.lineWidth=2;g.beginPath();for(const l of picked.links){const o=by.get(l);if(o){g.moveTo(picked.x,picked.y);g.lineTo(o.x,o.y);}}g.stroke();}
const d=nodes.length>400?2:4;for(const n of nodes){g.fillStyle=n===picked?'#d97706':n.links.length?'#1668dc':'#b3261e';g.beginPath();g.arc(n.x,n.y,n===picked?6:d,0,7);g.fill();}}
canvas.onclick=e=>{const b=canvas.getBoundingClientRect(),x=(e.clientX-b.left)*size/b.width,y=(e.clientY-b.top)*size/b.height;
let best;for(const n of nodes){const q=(n.x-x)**2+(n.y-y)**2;if(!best||q<best.q)best={n,q};}
if(best){draw(best.n);say.textContent='Peer '+best.n.index+' ('+best.n.id+'): '+best.n.links.length+' links, to '+best.n.links.join(', ');}};
draw();`;

const verdict = (violations: number, complete: boolean): string =>
  (complete ? '' : 'Stopped on its way: the figures are those of that moment. ') +
  (violations > 0 ? `${violations} violations.` : complete ? 'Every invariant held.' : 'No invariant broke so far.');

/** `complete`: false when the run was stopped on its way. */
export function htmlReport(options: ScenarioOptions, result: ScenarioResult, cost: RunCost, complete = true): string {
  const { figures, samples, notes } = result;
  const { violations, ...rest } = figures;
  const ring = [...result.topology]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ index, id, links }) => [index, id, links]);
  const title = `Simulation: ${options.scenario}, ${figures.peers} peers, seed ${figures.seed}`;
  const wrong = violations.map((v) => row(`${v.atMs} ms ${v.property}`, `${v.detail} (peers ${v.peers.join(', ')})`));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title><style>${STYLE}</style></head>
<body><h1>${escapeHtml(title)}</h1>
<p class="${violations.length === 0 ? '' : 'bad'}">${verdict(violations.length, complete)}</p>
${wrong.length === 0 ? '' : `<table>${wrong.join('')}</table>`}
<h2>Over time</h2>
${chart('Living peers', samples, (s) => s.living)}
${chart('Components', samples, (s) => s.components)}
${chart('Links a peer, mean', samples, (s) => s.degree)}
${chart('Deliveries', samples, (s) => s.delivered)}
<h2>Final topology</h2>
<p>Peers on a ring in the order of their ids; a peer without a link is red. Click one to see its links. <span id="picked"></span></p>
<canvas id="graph"></canvas>
<h2>Figures</h2>
${table({ ...rest, ...notes, ...cost })}
<h2>Options</h2>
${table({ ...options })}
<script type="application/json" id="topology">${JSON.stringify(ring).replace(/</g, '\\u003c')}</script>
<script>${SCRIPT}</script></body></html>
`;
}

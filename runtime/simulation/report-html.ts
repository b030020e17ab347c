/** The report of a run as one page without any reference to elsewhere: figures, charts over time, the final topology. */
import type { RunCost } from './report-text.ts';
import type { Sample, ScenarioResult } from './scenario.ts';
import type { ScenarioOptions } from './scenario-options.ts';

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => (c === '&' ? '&amp;' : c === '<' ? '&lt;' : c === '>' ? '&gt;' : '&quot;'));

const CHART = { width: 460, height: 170, left: 46, right: 10, top: 26, bottom: 24 } as const;

/** A round number at or above `value`, so that an axis has marks that read well. */
function roundUp(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return (([1, 2, 3, 4, 5, 6, 8, 10].find((step) => step * unit >= value) ?? 10) as number) * unit;
}

/** Spans of time by what the scenario did in them. */
function spansOf(samples: readonly Sample[]): { phase: string; fromMs: number; toMs: number }[] {
  const spans: { phase: string; fromMs: number; toMs: number }[] = [];
  for (const { phase, atMs } of samples) {
    const last = spans.at(-1);
    if (last?.phase === phase) last.toMs = atMs;
    else spans.push({ phase, fromMs: last?.toMs ?? 0, toMs: atMs });
  }
  return spans;
}

/** One line chart as SVG: value over virtual seconds, with the scenario's phases behind it. */
function chart(title: string, samples: readonly Sample[], of: (s: Sample) => number): string {
  const { width, height, left, right, top, bottom } = CHART;
  const highest = roundUp(Math.max(1, ...samples.map(of)));
  const end = Math.max(1, ...samples.map((s) => s.atMs));
  const x = (ms: number): number => left + (ms / end) * (width - left - right);
  const y = (v: number): number => top + (1 - v / highest) * (height - bottom - top);
  const points = samples.map((s) => `${x(s.atMs).toFixed(1)},${y(of(s)).toFixed(1)}`).join(' ');
  const bands = spansOf(samples).map(({ phase, fromMs, toMs }, i) => {
    const [from, wide] = [x(fromMs), x(toMs) - x(fromMs)];
    const name =
      wide > phase.length * 6.5 ? `<text x="${(from + 3).toFixed(1)}" y="${top - 8}">${escapeHtml(phase)}</text>` : '';
    return `<rect class="band${i % 2}" x="${from.toFixed(1)}" y="${top}" width="${wide.toFixed(1)}" height="${height - bottom - top}"><title>${escapeHtml(phase)}</title></rect>${name}`;
  });
  const marks = [0, highest / 2, highest].map(
    (v) =>
      `<line x1="${left}" y1="${y(v)}" x2="${width - right}" y2="${y(v)}"/><text x="${left - 6}" y="${y(v) + 4}" text-anchor="end">${v}</text>`,
  );
  const last = samples.at(-1);
  const latest = last === undefined ? '' : `: ${Math.round(of(last) * 100) / 100} in the end`;
  return `<figure><figcaption>${escapeHtml(title)}<span>${latest}</span></figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}">
${bands.join('')}${marks.join('')}
<text x="${left}" y="${height - 7}">0 s</text><text x="${width - right}" y="${height - 7}" text-anchor="end">${Math.round(end / 1_000)} s</text>
<polyline points="${points}"/></svg></figure>`;
}

/** How many peers have how many links, as SVG. */
function histogram(topology: ScenarioResult['topology']): string {
  const { width, height, left, right, top, bottom } = CHART;
  const counts = new Map<number, number>();
  for (const { links } of topology) counts.set(links.length, (counts.get(links.length) ?? 0) + 1);
  const [low, high] = [Math.min(...counts.keys(), 0), Math.max(...counts.keys(), 1)];
  const most = Math.max(1, ...counts.values());
  const step = (width - left - right) / (high - low + 1);
  const bars = Array.from({ length: high - low + 1 }, (_, i) => {
    const count = counts.get(low + i) ?? 0;
    const tall = (count / most) * (height - top - bottom);
    const middle = (left + (i + 0.5) * step).toFixed(1);
    // Beyond some thirty columns their numbers would run into each other.
    const isMarked = step > 14 || i % 5 === 0;
    return `<rect class="bar" x="${(left + i * step + step * 0.1).toFixed(1)}" y="${(height - bottom - tall).toFixed(1)}" width="${(step * 0.8).toFixed(1)}" height="${tall.toFixed(1)}"/>${
      isMarked ? `<text x="${middle}" y="${height - 7}" text-anchor="middle">${low + i}</text>` : ''
    }${count > 0 && step > 22 ? `<text x="${middle}" y="${(height - bottom - tall - 4).toFixed(1)}" text-anchor="middle">${count}</text>` : ''}`;
  });
  return `<figure><figcaption>Links each<span>: peers that have so many in the end</span></figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Links each">${bars.join('')}
<line x1="${left}" y1="${height - bottom}" x2="${width - right}" y2="${height - bottom}"/></svg></figure>`;
}

const row = (name: string, value: string): string =>
  `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`;

/** Plain data in words: `p50 322.1, p99 488.9`. */
function words(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const entries = Object.entries(value);
  return entries.length === 0 ? 'none' : entries.map(([name, part]) => `${name} ${words(part)}`).join(', ');
}

function table(values: Readonly<Record<string, unknown>>): string {
  return `<table>${Object.entries(values)
    .map(([name, value]) => row(name, words(value)))
    .join('')}</table>`;
}

const STYLE = `:root{color-scheme:light dark;--ink:#1b2430;--soft:#55606f;--paper:#fff;--rule:#d5dbe3;--band:#eef2f7;--line:#1668dc;--mark:#c2570c;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#dfe5ee;--soft:#9aa7b8;--paper:#12161c;--rule:#333c48;--band:#1b222c;--line:#6ea8fe;--mark:#ffb066;--bad:#ff8a80}}
body{font:15px/1.45 system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem;color:var(--ink);background:var(--paper);overflow-wrap:anywhere}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
.charts,.tables{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(440px,100%),1fr));gap:1rem 2rem}
figure{margin:0 0 .5rem}canvas+.charts{margin-top:1.5rem}figcaption{font-weight:500}figcaption span,p.soft{color:var(--soft);font-weight:400}
svg{display:block;width:100%;height:auto}svg line{stroke:var(--rule)}svg text{font-size:12px;fill:var(--soft)}
svg polyline{fill:none;stroke:var(--line);stroke-width:2;stroke-linejoin:round}
.band0{fill:var(--band)}.band1{fill:none}.bar{fill:var(--line)}
canvas{width:min(760px,100%);display:block;margin:0 auto;border:1px solid var(--rule);border-radius:6px}
table{border-collapse:collapse;width:100%}tr{border-bottom:1px solid var(--rule)}
th{text-align:left;font-weight:500;padding:3px 16px 3px 0;vertical-align:top;white-space:nowrap}
td{font-variant-numeric:tabular-nums}.bad{color:var(--bad)}`;

/** Peers on a ring in the order of their ids, links as chords; a click shows one peer's links. */
const SCRIPT = `const data=JSON.parse(document.getElementById('topology').textContent);
const canvas=document.getElementById('graph'),g=canvas.getContext('2d'),say=document.getElementById('picked');
const size=1200,r=size/2-30;canvas.width=canvas.height=size;
const nodes=data.map(([index,id,links],i)=>({index,id,links,x:size/2+r*Math.cos(2*Math.PI*i/data.length),y:size/2+r*Math.sin(2*Math.PI*i/data.length)}));
const by=new Map(nodes.map(n=>[n.index,n]));let picked;
function draw(){const style=getComputedStyle(document.documentElement),ink=name=>style.getPropertyValue(name).trim();
g.clearRect(0,0,size,size);g.lineWidth=1.5;g.globalAlpha=Math.max(.05,Math.min(.6,40/nodes.length));g.strokeStyle=ink('--line');g.beginPath();
for(const n of nodes)for(const l of n.links){const o=by.get(l);if(o&&n.index<l){g.moveTo(n.x,n.y);g.lineTo(o.x,o.y);}}g.stroke();g.globalAlpha=1;
if(picked){g.strokeStyle=ink('--mark');g.lineWidth=3;g.beginPath();for(const l of picked.links){const o=by.get(l);if(o){g.moveTo(picked.x,picked.y);g.lineTo(o.x,o.y);}}g.stroke();}
const d=nodes.length>400?3:7;for(const n of nodes){g.fillStyle=ink(n===picked?'--mark':n.links.length?'--line':'--bad');g.beginPath();g.arc(n.x,n.y,n===picked?10:d,0,7);g.fill();}}
canvas.onclick=e=>{const b=canvas.getBoundingClientRect(),x=(e.clientX-b.left)*size/b.width,y=(e.clientY-b.top)*size/b.height;
let best;for(const n of nodes){const q=(n.x-x)**2+(n.y-y)**2;if(!best||q<best.q)best={n,q};}
if(best){picked=best.n;draw();say.textContent='Peer '+picked.index+' ('+picked.id+'): '+picked.links.length+' links, to '+picked.links.join(', ');}};
matchMedia('(prefers-color-scheme: dark)').addEventListener('change',draw);draw();`;

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
<div class="charts">
${chart('Living peers', samples, (s) => s.living)}
${chart('Components', samples, (s) => s.components)}
${chart('Links a peer, mean', samples, (s) => s.degree)}
${chart('Deliveries', samples, (s) => s.delivered)}
</div>
<h2>Final topology</h2>
<p class="soft">Peers on a ring in the order of their ids; a peer without a link is red. Click one to see its links. <span id="picked"></span></p>
<canvas id="graph"></canvas>
<div class="charts">${histogram(result.topology)}</div>
<div class="tables"><section><h2>Figures</h2>
${table({ ...rest, ...notes, ...cost })}
</section><section><h2>Options</h2>
${table({ ...options })}
</section></div>
<script type="application/json" id="topology">${JSON.stringify(ring).replace(/</g, '\\u003c')}</script>
<script>${SCRIPT}</script></body></html>
`;
}

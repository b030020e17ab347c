/** Puts a picture of the mesh into an SVG element. Owns the SVG's children; all text goes in as text. */
import { hueOf, shortId } from './messages.ts';
import type { Picture, PictureNode } from './picture.ts';

const SVG = 'http://www.w3.org/2000/svg';
/** From this many nodes on names would cover each other: ids only. */
const NAMES_MAX = 12;
const LABEL_CHARS_MAX = 10;

function element(name: string, attributes: Readonly<Record<string, string | number>>, text?: string): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Draws afresh when the picture changed since the last call for the same element. */
export function drawPicture(svg: SVGSVGElement, picture: Picture): void {
  const key = JSON.stringify(picture);
  if (svg.dataset.drawn === key) return;
  svg.dataset.drawn = key;
  const at = new Map(picture.nodes.map((node) => [node.id, node]));
  const parts: SVGElement[] = [];
  // Our own links go on top of the others.
  const edges = [...picture.edges].sort((a, b) => Number(a.kind === 'mine') - Number(b.kind === 'mine'));
  for (const { a, b, kind, suspect } of edges) {
    const from = at.get(a);
    const to = at.get(b);
    if (from === undefined || to === undefined) continue;
    const line = element('line', { x1: from.x, y1: from.y, x2: to.x, y2: to.y, class: `edge ${kind}` });
    line.classList.toggle('suspect', suspect);
    parts.push(line);
  }
  for (const node of picture.nodes) parts.push(nodeElement(node, picture.nodes.length));
  svg.replaceChildren(...parts);
  svg.setAttribute('aria-label', describe(picture));
}

function nodeElement(node: PictureNode, count: number): SVGElement {
  const group = element('g', { class: node.me ? 'node me' : 'node', 'data-peer': node.id });
  group.style.setProperty('--hue', String(hueOf(node.id)));
  const size = count > NAMES_MAX * 2 ? 2 : 3.2;
  group.append(element('circle', { cx: node.x, cy: node.y, r: node.me ? size + 0.8 : size }));
  const radians = (node.angle * Math.PI) / 180;
  const away = node.me ? 8.5 : 7.5;
  const side = Math.sin(radians);
  const named = node.me ? 'me' : count <= NAMES_MAX ? cut(node.name) || shortId(node.id) : shortId(node.id);
  if (count <= NAMES_MAX * 2 || node.me) {
    group.append(
      element(
        'text',
        {
          x: Math.round((node.x + away * side * 0.75) * 100) / 100,
          y: Math.round((node.y - away * Math.cos(radians) + 1.3) * 100) / 100,
          'text-anchor': side > 0.5 ? 'start' : side < -0.5 ? 'end' : 'middle',
        },
        named,
      ),
    );
  }
  group.append(element('title', {}, `${node.name === '' ? 'peer' : node.name} ${node.id}`));
  return group;
}

const cut = (name: string): string => {
  const letters = [...name];
  return letters.length > LABEL_CHARS_MAX ? `${letters.slice(0, LABEL_CHARS_MAX - 1).join('')}…` : name;
};

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** The picture in a sentence, for those who do not see it and for the caption. */
export function describe(picture: Picture): string {
  const mine = picture.edges.filter(({ kind }) => kind === 'mine').length;
  const hidden = picture.hidden > 0 ? `, ${picture.hidden} more not drawn` : '';
  const others = picture.edges.length - mine;
  return `${plural(picture.nodes.length, 'peer')}, ${plural(mine, 'link')} of mine, ${others} told of by others${hidden}`;
}

/**
 * The picture of the mesh as plain data: who is drawn where, and which links are known from whom. A circle in the order of
 * the ids, because a picture that stands still while peers come and go is easier to read than one that settles. Pure.
 */
import type { MeshStatus } from 'xstate-mesh';
import { type Hearsay, isLinked } from './people.ts';

export interface PictureNode {
  readonly id: string;
  readonly name: string;
  readonly me: boolean;
  /** In a square of 100 by 100. */
  readonly x: number;
  readonly y: number;
  /** Degrees, 0 at the top, clockwise: where a label goes. */
  readonly angle: number;
}
export interface PictureEdge {
  readonly a: string;
  readonly b: string;
  /** `mine`: a link of ours. `told`: both ends say so. `claimed`: one end says so, the other says nothing or otherwise. */
  readonly kind: 'mine' | 'told' | 'claimed';
  /** Our own link is silent and may be lost. */
  readonly suspect: boolean;
}
export interface Picture {
  readonly nodes: readonly PictureNode[];
  readonly edges: readonly PictureEdge[];
  /** Peers beyond what fits. */
  readonly hidden: number;
}

export const NODES_MAX = 48;
const CENTRE = 50;
const RADIUS = 36;

/** What is known of the mesh: our links by `status`, those of other pages by hearsay. */
export function pictureOf(status: MeshStatus, known: Hearsay, myName: string): Picture {
  const me = status.peerId;
  const edges = new Map<string, PictureEdge>();
  const draw = (a: string, b: string, edge: Pick<PictureEdge, 'kind' | 'suspect'>): void => {
    const [low, high] = a < b ? [a, b] : [b, a];
    edges.set(low + high, { a: low, b: high, ...edge });
  };
  for (const [from, { links }] of known) {
    for (const to of links) {
      // Only we know our own links: a page that still names us has not noticed yet that the link is gone.
      if (to === me || from === me || to === from || known.get(to)?.gone === true) continue;
      draw(from, to, { kind: known.get(to)?.links.includes(from) === true ? 'told' : 'claimed', suspect: false });
    }
  }
  for (const { peerId, state } of status.links) {
    if (isLinked(state)) draw(me, peerId, { kind: 'mine', suspect: /suspect|restarting/.test(state) });
  }
  const ids = new Set<string>([me]);
  for (const { a, b, kind } of edges.values()) if (kind === 'mine') ids.add(a).add(b);
  for (const [id, { gone }] of known) if (!gone) ids.add(id);
  for (const { a, b } of edges.values()) ids.add(a).add(b);
  const shown = new Set([...ids].slice(0, NODES_MAX));
  return {
    nodes: place([...shown], me).map((node) => ({
      ...node,
      name: node.me ? myName : (known.get(node.id)?.name ?? ''),
    })),
    edges: [...edges.values()].filter(({ a, b }) => shown.has(a) && shown.has(b)),
    hidden: ids.size - shown.size,
  };
}

/** Ids evenly on a circle in their order, turned so that we are at the bottom; one alone stands in the middle. */
function place(ids: readonly string[], me: string): Omit<PictureNode, 'name'>[] {
  const order = [...ids].sort();
  if (order.length === 1) return [{ id: me, me: true, x: CENTRE, y: CENTRE, angle: 180 }];
  const mine = order.indexOf(me);
  return order.map((id, index) => {
    const angle = (180 + ((index - mine + order.length) % order.length) * (360 / order.length)) % 360;
    const radians = (angle * Math.PI) / 180;
    return {
      id,
      me: id === me,
      angle,
      x: round(CENTRE + RADIUS * Math.sin(radians)),
      y: round(CENTRE - RADIUS * Math.cos(radians)),
    };
  });
}

const round = (value: number): number => Math.round(value * 100) / 100;

/** The room's side: states, peers, picture, counters, and the choice of the addressee. Redraws what changed, in place. */
import type { MeshStatus } from 'xstate-mesh';
import { byId, make, setText, showPeer } from './dom.ts';
import { describe, drawPicture } from './draw.ts';
import { shortId } from './messages.ts';
import { type Hearsay, isLinked, type Person, peopleOf } from './people.ts';
import { pictureOf } from './picture.ts';

/** Rows on the page; a mesh of thousands is not read line by line. */
const PEOPLE_MAX = 100;

interface Row {
  readonly item: HTMLLIElement;
  readonly button: HTMLButtonElement;
  readonly name: HTMLElement;
  readonly id: HTMLElement;
  readonly facts: HTMLElement;
}

export class Room {
  readonly #mesh = byId('mesh-state', HTMLElement);
  readonly #hub = byId('hub-state', HTMLElement);
  readonly #list = byId('people-list', HTMLUListElement);
  readonly #count = byId('people-count', HTMLElement);
  readonly #empty = byId('people-empty', HTMLElement);
  readonly #svg = byId('picture', SVGSVGElement);
  readonly #caption = byId('picture-caption', HTMLElement);
  readonly #counters = byId('counters', HTMLDListElement);
  readonly #to = byId('to', HTMLSelectElement);
  readonly #text = byId('text', HTMLTextAreaElement);
  readonly #rows = new Map<string, Row>();

  constructor() {
    this.#to.addEventListener('change', () => this.#markAddressee());
  }

  show(status: MeshStatus, known: Hearsay, myName: string): void {
    const people = peopleOf(status, known).slice(0, PEOPLE_MAX);
    this.#showStates(status);
    this.#showPeople(people);
    this.#showAddressees(people, known);
    const picture = pictureOf(status, known, myName);
    drawPicture(this.#svg, picture);
    setText(this.#caption, describe(picture));
    this.#showCounters(status);
  }

  /** Back to how the page was before anybody came. */
  clear(): void {
    this.#rows.clear();
    this.#list.replaceChildren();
    this.#to.replaceChildren(new Option('everybody', ''));
    this.#markAddressee();
  }

  #showStates({ state, hubs }: MeshStatus): void {
    setText(this.#mesh, state);
    this.#mesh.dataset.tone = {
      joined: 'good',
      joining: 'busy',
      leaving: 'busy',
      isolated: 'bad',
      idle: 'idle',
      left: 'idle',
    }[state];
    this.#hub.hidden = hubs.length === 0;
    const open = hubs.filter((hub) => hub.state.startsWith('open')).length;
    const first = hubs[0]?.state.split('.')[0] ?? '';
    setText(this.#hub, hubs.length === 1 ? `hub ${words(first)}` : `hubs ${open} of ${hubs.length} open`);
    this.#hub.dataset.tone = open > 0 ? 'good' : first === 'closed' ? 'bad' : 'busy';
    this.#hub.title = hubs.map((hub) => `${hub.url}: ${hub.state}`).join('\n');
  }

  #showPeople(people: readonly Person[]): void {
    const wanted = new Set(people.map(({ id }) => id));
    for (const [id, { item }] of this.#rows) {
      if (wanted.has(id)) continue;
      item.remove();
      this.#rows.delete(id);
    }
    people.forEach((person, index) => {
      const row = this.#rows.get(person.id) ?? this.#addRow(person.id);
      showPeer(row.name, row.id, person.id, person.name);
      setText(row.facts, factsOf(person));
      row.item.dataset.tone = person.linked ? (/suspect|restarting/.test(person.state) ? 'busy' : 'good') : 'idle';
      row.item.dataset.state = person.state;
      // Moving a row that is in place already would take the focus from its button.
      if (this.#list.children[index] !== row.item)
        this.#list.insertBefore(row.item, this.#list.children[index] ?? null);
    });
    const linked = people.filter((person) => person.linked).length;
    setText(this.#count, people.length === linked ? String(linked) : `${linked} linked, ${people.length} known`);
    this.#empty.hidden = people.length > 0;
  }

  #addRow(id: string): Row {
    const item = make('li', 'person');
    const button = make('button', 'person-button');
    button.type = 'button';
    const name = make('span', 'peer-name');
    const code = make('code', 'peer-id');
    const facts = make('span', 'facts');
    button.append(name, code, facts);
    button.addEventListener('click', () => {
      this.#to.value = this.#to.value === id ? '' : id;
      this.#markAddressee();
      this.#text.focus();
    });
    item.append(button);
    item.dataset.peer = id;
    const row = { item, button, name, id: code, facts };
    this.#rows.set(id, row);
    return row;
  }

  #showAddressees(people: readonly Person[], known: Hearsay): void {
    const chosen = this.#to.value;
    const labelOf = (id: string, name: string): string => (name === '' ? shortId(id) : `${name} ${shortId(id)}`);
    const wanted = people.map(({ id, name }) => ({ id, label: labelOf(id, name) }));
    if (chosen !== '' && !wanted.some(({ id }) => id === chosen)) {
      // The words meant for one must never go to everybody because that one left.
      wanted.push({ id: chosen, label: `${labelOf(chosen, known.get(chosen)?.name ?? '')} (gone)` });
    }
    const now = [...this.#to.options].slice(1);
    const isSame =
      now.length === wanted.length &&
      wanted.every(({ id, label }, i) => now[i]?.value === id && now[i]?.text === label);
    if (!isSame) {
      const all = wanted.map(({ id, label }) => new Option(label, id));
      this.#to.replaceChildren(new Option('everybody', ''), ...all);
      this.#to.value = chosen;
    }
    this.#markAddressee();
  }

  #markAddressee(): void {
    const chosen = this.#to.value;
    for (const [id, { button }] of this.#rows) button.setAttribute('aria-pressed', String(id === chosen));
    const label = this.#rows.get(chosen)?.name.textContent || shortId(chosen);
    const hint = chosen === '' ? 'Message to everybody' : `Only for ${label}`;
    if (this.#text.placeholder !== hint) this.#text.placeholder = hint;
  }

  #showCounters(status: MeshStatus): void {
    const figures: readonly (readonly [string, string | number])[] = [
      ['network', status.network],
      ['links', `${status.links.filter(({ state }) => isLinked(state)).length} of ${status.maxPeers}`],
      ['known, not linked', status.discovered],
      ['up for', `${Math.round(status.uptimeMs / 1_000)} s`],
      ...Object.entries(status.counters).sort(([a], [b]) => (a < b ? -1 : 1)),
    ];
    const rows = this.#counters.children;
    figures.forEach(([name, value], index) => {
      const row = rows[index] ?? this.#counters.appendChild(make('div', ''));
      if (row.children.length === 0) row.append(make('dt', ''), make('dd', ''));
      setText(row.children[0] as Element, name);
      setText(row.children[1] as Element, String(value));
    });
    while (rows.length > figures.length) rows[rows.length - 1]?.remove();
  }
}

function factsOf({ linked, role, rttMs, state }: Person): string {
  const rtt = rttMs === null ? '' : ` · ${rttMs < 10 ? rttMs.toFixed(1) : Math.round(rttMs)} ms`;
  return linked ? `${state} · ${role}${rtt}` : state === 'reachable' ? 'reachable over others' : state;
}

/** `backingOff` as a person would say it. */
export const words = (state: string): string =>
  state === 'backingOff' ? 'reconnecting' : state.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

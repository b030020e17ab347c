/** The list of messages: owns the children of #log. Shows each line once and its outcome when it comes. */
import { make, setText, showPeer } from './dom.ts';
import { shortId } from './messages.ts';
import type { Line, Outcome } from './session.ts';

/** Lines kept on the page. */
const LINES_MAX = 300;

export interface LogDeps {
  nameOf(peerId: string): string;
  /** The visitor wants to send a failed line once more. */
  onAgain(line: Line): void;
}

export class Log {
  readonly #list: HTMLOListElement;
  readonly #empty: HTMLElement;
  readonly #deps: LogDeps;
  readonly #rows = new Map<number, HTMLLIElement>();
  /** Shows what is newest. Who reads back is not pulled down by what comes in. */
  #follows = true;

  constructor(list: HTMLOListElement, empty: HTMLElement, deps: LogDeps) {
    this.#list = list;
    this.#empty = empty;
    this.#deps = deps;
    // It scrolls, so the keyboard must be able to reach it; not every browser sees to that by itself.
    list.tabIndex = 0;
    list.addEventListener('scroll', () => {
      this.#follows = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    });
    new ResizeObserver(() => {
      if (this.#follows) this.#toEnd();
    }).observe(list);
  }

  clear(): void {
    this.#rows.clear();
    this.#list.replaceChildren();
    this.#empty.hidden = false;
  }

  show(line: Line): void {
    const row = this.#row(line);
    this.#rows.set(line.key, row);
    this.#list.append(row);
    this.#empty.hidden = true;
    for (const [key, oldest] of this.#rows) {
      if (this.#rows.size <= LINES_MAX) break;
      this.#rows.delete(key);
      oldest.remove();
    }
    if (this.#follows || line.mine) this.#toEnd();
  }

  #toEnd(): void {
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  /** Says what became of a line; nothing when the line has left the page since. */
  settle(line: Line, outcome: Outcome): void {
    const row = this.#rows.get(line.key);
    if (row === undefined) return;
    showOutcome(row, outcome, () => this.#deps.onAgain(line));
    if (this.#follows) this.#toEnd();
  }

  /** A name may be learned after the first words of its peer. */
  refreshNames(): void {
    for (const label of this.#list.querySelectorAll<HTMLElement>('[data-peer]')) {
      const name = this.#deps.nameOf(label.dataset.peer ?? '');
      // What was said stays said by them, also when they have left.
      if (name !== '') setText(label, name);
    }
  }

  #row(line: Line): HTMLLIElement {
    const row = make('li', `line ${line.kind}${line.mine ? ' mine' : ''}`);
    if (line.kind === 'note' || line.from === undefined) {
      row.append(make('p', 'text', line.text));
      return row;
    }
    const head = make('p', 'head');
    if (line.mine) head.append(make('span', 'peer-name', 'You'));
    else head.append(...peer(line.from, this.#deps.nameOf(line.from)));
    if (line.to !== undefined) head.append(make('span', 'arrow', 'to'), ...peer(line.to, this.#deps.nameOf(line.to)));
    if (line.kind === 'direct' && !line.mine) head.append(make('span', 'tag', 'only to you'));
    if (line.hops !== undefined && line.hops > 1) head.append(make('span', 'hops', `over ${line.hops} links`));
    row.append(head, make('p', 'text', line.text));
    if (line.to !== undefined) row.append(make('p', 'outcome sending', 'sending…'));
    return row;
  }
}

function peer(id: string, name: string): HTMLElement[] {
  const label = make('span', 'peer-name');
  const code = make('code', 'peer-id');
  label.dataset.peer = id;
  showPeer(label, code, id, name);
  return [label, code];
}

function showOutcome(row: HTMLLIElement, outcome: Outcome, again: () => void): void {
  const said = make('p', `outcome ${outcome.kind}`, outcomeText(outcome));
  if (outcome.kind === 'failed' && outcome.retryable) {
    const button = make('button', 'quiet', 'Send again');
    button.type = 'button';
    button.addEventListener('click', () => {
      button.disabled = true;
      again();
    });
    said.append(' ', button);
  }
  row.querySelector('.outcome')?.remove();
  row.append(said);
}

function outcomeText(outcome: Outcome): string {
  if (outcome.kind === 'failed') {
    const message = outcome.message.replace(/\b[0-9a-f]{40}\b/g, shortId);
    return `not delivered: ${message} (${outcome.code})`;
  }
  const { hops, ms } = outcome.receipt;
  return `delivered in ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms over ${hops} link${hops === 1 ? '' : 's'}`;
}

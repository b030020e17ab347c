/**
 * Splits a stream of text into lines of bounded length. Pure: chunks in, lines out. An over-long line is given up as a
 * whole: its start is dropped, the rest skipped, and the next line is read as if nothing had happened.
 */

/** Longest line read from stdin: 1 MiB of UTF-16 units, far above what one message may carry. */
export const LINE_CHARS_MAX = 1_048_576;

export type LineEvent = { readonly type: 'line'; readonly text: string } | { readonly type: 'tooLong' };

export class LineSplitter {
  readonly #charsMax: number;
  #pieces: string[] = [];
  #length = 0;
  #skipping = false;

  constructor(charsMax: number = LINE_CHARS_MAX) {
    this.#charsMax = charsMax;
  }

  /** Takes the next chunk and returns what it completed. */
  push(chunk: string): LineEvent[] {
    const events: LineEvent[] = [];
    let from = 0;
    while (from < chunk.length) {
      const end = chunk.indexOf('\n', from);
      const piece = chunk.slice(from, end === -1 ? chunk.length : end);
      this.#take(piece, events);
      if (end === -1) break;
      this.#finish(events);
      from = end + 1;
    }
    return events;
  }

  /** The stream has ended: a last line without its newline counts. */
  end(): LineEvent[] {
    const events: LineEvent[] = [];
    if (this.#length > 0) this.#finish(events);
    this.#skipping = false;
    return events;
  }

  #take(piece: string, events: LineEvent[]): void {
    if (this.#skipping || piece === '') return;
    if (this.#length + piece.length > this.#charsMax) {
      this.#pieces = [];
      this.#length = 0;
      this.#skipping = true;
      events.push({ type: 'tooLong' });
      return;
    }
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  #finish(events: LineEvent[]): void {
    if (this.#skipping) {
      this.#skipping = false;
      return;
    }
    const text = this.#pieces.join('');
    this.#pieces = [];
    this.#length = 0;
    events.push({ type: 'line', text: text.endsWith('\r') ? text.slice(0, -1) : text });
  }
}

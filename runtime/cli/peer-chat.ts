/**
 * The chat that a person has with `peer`: shows events, takes typed lines. The rules of both are in `chat-protocol.ts`.
 */
import { INVITATION_CHARS_MAX } from '../../machines/shared/limits.ts';
import type { MeshEvent } from '../api.ts';
import {
  CHAT_HELP,
  describeEvent,
  describeLinks,
  describeStatus,
  printable,
  readChatLine,
  resolvePrefix,
  shortId,
  wrapped,
} from './chat-protocol.ts';
import type { CliInvitations, CliMesh } from './dependencies.ts';
import { HubNews } from './hub-news.ts';
import type { LineEvent } from './lines.ts';
import type { Output } from './output.ts';
import { errorText } from './peer-protocol.ts';

/** Senders remembered for `/to`, beside the links; the oldest are forgotten first. */
const SENDERS_MAX = 256;

export class Chat {
  readonly #output: Output;
  readonly #meshes: readonly CliMesh[];
  readonly #invitations: readonly CliInvitations[];
  readonly #senders = new Set<string>();
  /** By index of the peer. */
  readonly #hubNews: readonly HubNews[];
  #speaker = 0;
  /** Lines of a text that is being pasted. */
  #pasted: string | undefined;
  #leave: (reason: string) => Promise<unknown> = () => Promise.resolve();

  constructor(output: Output, meshes: readonly CliMesh[], invitations: readonly CliInvitations[]) {
    this.#invitations = invitations;
    this.#output = output;
    this.#meshes = meshes;
    this.#hubNews = meshes.map(() => new HubNews());
  }

  open(leave: (reason: string) => Promise<unknown>, hubs: readonly string[], network: string): void {
    this.#leave = leave;
    const ids = this.#meshes.map((mesh) => shortId(mesh.peerId)).join(', ');
    const where = hubs.length === 0 ? 'by invitation' : `at ${hubs.join(', ')}`;
    this.#say(`Joining network "${printable(network)}" ${where} as ${ids} …`);
    for (const line of CHAT_HELP) this.#say(line);
  }

  /** Shows an event of peer `index`. */
  show(index: number, event: MeshEvent): void {
    if (event.type === 'message') this.#remember(event.from);
    const text = this.#text(index, event);
    if (text !== undefined) this.#say(this.#meshes.length > 1 ? `[${index}] ${text}` : text);
  }

  #text(index: number, event: MeshEvent): string | undefined {
    const id = shortId(this.#meshes[index]?.peerId ?? '');
    if (event.type === 'joined') return `Joined as ${id} after ${Math.round(event.ms)} ms.`;
    if (event.type === 'left') return `${id} has left.`;
    const hubs = this.#meshes[index]?.status().hubs ?? [];
    const told = this.#hubNews[index]?.take(
      event,
      hubs.map(({ url }) => url),
    );
    if (told === undefined || told.kind === 'other') return describeEvent(event);
    return told.kind === 'news' ? told.text : undefined;
  }

  /** Takes what was typed. Never throws. */
  take(event: LineEvent): void {
    if (event.type === 'tooLong') return this.#say('! That line was too long: skipped.');
    const mesh = this.#meshes[this.#speaker];
    if (mesh === undefined) return;
    // No such text begins with a slash: whoever types a command has thought better of it.
    if (this.#pasted !== undefined && !event.text.startsWith('/')) return this.#paste(event.text.trim());
    this.#pasted = undefined;
    try {
      this.#obey(readChatLine(event.text, this.#meshes.length), mesh);
    } catch (error) {
      this.#complain(error);
    }
  }

  #obey(line: ReturnType<typeof readChatLine>, mesh: CliMesh): void {
    switch (line.type) {
      case 'empty':
        return;
      case 'say':
        mesh.broadcast(line.text);
        return;
      case 'whisper':
        return this.#whisper(mesh, line.prefix, line.text);
      case 'use':
        this.#speaker = line.peer;
        return this.#say(`Speaking as peer ${line.peer}.`);
      case 'peers':
        return describeLinks(mesh.status()).forEach((text) => void this.#say(text));
      case 'status':
        return describeStatus(mesh.status()).forEach((text) => void this.#say(text));
      case 'help':
        return CHAT_HELP.forEach((text) => void this.#say(text));
      case 'leave':
        void this.#leave('left');
        return;
      case 'invite':
        return this.#invite();
      case 'accept':
        if (line.text !== '') return this.#accept(line.text);
        this.#pasted = '';
        return this.#say('Paste the text now, and an empty line after it. Typing any /command instead gives it up.');
      case 'unknown':
        return this.#say(`! ${line.message}`);
    }
  }

  #whisper(mesh: CliMesh, prefix: string, text: string): void {
    const known = [...mesh.status().links.map((link) => link.peerId), ...this.#senders].filter(
      (id) => id !== mesh.peerId,
    );
    const target = resolvePrefix(prefix, known);
    if (!target.ok) return this.#say(`! ${target.message}`);
    mesh.direct(target.id, text).then(
      (receipt) => this.#say(`  (${shortId(target.id)} got it after ${Math.round(receipt.ms)} ms)`),
      (error: unknown) => this.#complain(error),
    );
  }

  /** One line more of a pasted text; an empty one ends it. */
  #paste(line: string): void {
    const text = `${this.#pasted ?? ''}${line}`;
    const isOver = line === '' ? text !== '' : text.length > 2 * INVITATION_CHARS_MAX;
    this.#pasted = isOver ? undefined : text;
    if (isOver) this.#accept(text);
  }

  #invite(): void {
    this.#invitations[this.#speaker]?.invite({}).then(
      ({ text, expiresMs }) => {
        this.#say(`An invitation for one peer, good until ${new Date(expiresMs).toISOString()}:`);
        this.#show(text);
        this.#say('Who gets it types /accept and pastes it; bring the text that comes back here, with /accept too.');
      },
      (error: unknown) => this.#complain(error),
    );
  }

  #accept(text: string): void {
    this.#invitations[this.#speaker]?.accept(text).then(
      (answer) => {
        if (answer === undefined) return this.#say('Accepted: the link is on its way.');
        this.#say('Accepted. Hand this back:');
        this.#show(answer);
      },
      (error: unknown) => this.#complain(error),
    );
  }

  #show(text: string): void {
    for (const line of ['', ...wrapped(text), '']) this.#say(line);
  }

  #complain(error: unknown): void {
    const { code, message } = errorText(error);
    this.#say(`! ${code}: ${printable(message)}`);
  }

  #remember(sender: string): void {
    this.#senders.delete(sender);
    this.#senders.add(sender);
    const [oldest] = this.#senders;
    if (this.#senders.size > SENDERS_MAX && oldest !== undefined) this.#senders.delete(oldest);
  }

  #say(text: string): void {
    this.#output.say(text);
  }
}

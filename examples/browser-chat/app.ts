/**
 * The demo page: choose a name, join a mesh, see it, chat with everybody or with one. Goal: to show in one screen what an
 * app does with `createMeshActor`. This file joins the parts; `session.ts` is the one that talks to the library.
 */
import type { MeshActor, MeshStatus } from 'xstate-mesh';
import { byId, setText, showPeer } from './dom.ts';
import { Log } from './log.ts';
import { cleanName } from './messages.ts';
import { readOptions } from './options.ts';
import { isLinked } from './people.ts';
import { Room } from './room.ts';
import { ChatSession, failureOf } from './session.ts';

declare global {
  /** For the console and for tests: the mesh of this page, once it was started. */
  var mesh: MeshActor | undefined;
}

const options = readOptions(location.href);
/** Its query may hold a token. */
const hubShown = options.hub.replace(/[?#].*$/, '');
const welcome = byId('welcome', HTMLElement);
const roomPart = byId('room', HTMLElement);
const banner = byId('banner', HTMLElement);
const alert = byId('alert', HTMLElement);
const me = byId('me', HTMLElement);
const leave = byId('leave', HTMLButtonElement);
const join = byId('join', HTMLFormElement);
const name = byId('name', HTMLInputElement);
const compose = byId('compose', HTMLFormElement);
const to = byId('to', HTMLSelectElement);
const text = byId('text', HTMLTextAreaElement);
const room = new Room();
const log = new Log(byId('log', HTMLOListElement), byId('log-empty', HTMLElement), {
  nameOf: (id) => session?.known.get(id)?.name ?? '',
  onAgain: (line) => session?.tell(line.to ?? '', line.text),
});
let session: ChatSession | undefined;

function setPhase(phase: 'choosing' | 'in' | 'left'): void {
  document.body.dataset.phase = phase;
  welcome.hidden = phase === 'in';
  roomPart.hidden = phase === 'choosing';
  me.hidden = phase !== 'in';
  leave.hidden = phase !== 'in';
  compose.hidden = phase !== 'in';
}

function complain(message: string): void {
  alert.hidden = message === '';
  setText(alert, message);
}

function enter(chosen: string): void {
  if (typeof RTCPeerConnection === 'undefined') {
    complain('This browser has no WebRTC, which the mesh is made of. Please try another one.');
    return;
  }
  try {
    log.clear();
    room.clear();
    session = new ChatSession(
      { ...options, name: chosen },
      {
        onLine: (line) => log.show(line),
        onOutcome: (line, outcome) => log.settle(line, outcome),
        onChange: redraw,
      },
    );
    session.start();
  } catch (error) {
    const { code, message } = failureOf(error);
    complain(`Cannot start: ${message} (${code})`);
    return;
  }
  globalThis.mesh = session.mesh;
  const [label, id] = [me.querySelector('.peer-name'), me.querySelector('.peer-id')];
  if (label !== null && id instanceof HTMLElement) showPeer(label, id, session.mesh.peerId, chosen);
  setPhase('in');
  text.focus();
}

function redraw(): void {
  if (session === undefined) return;
  const status = session.status();
  room.show(status, session.known, session.name);
  log.refreshNames();
  const said = bannerText(status);
  banner.hidden = said === '';
  setText(banner, said);
  document.title = status.state === 'joined' ? `Mesh chat (${count(status)})` : 'Mesh chat';
  if (status.state === 'left' && document.body.dataset.phase === 'in') {
    setPhase('left');
    name.focus();
  }
}

const count = (status: MeshStatus): number => status.links.filter(({ state }) => isLinked(state)).length;

/** What the visitor should know before all else; empty when everything is well. */
function bannerText(status: MeshStatus): string {
  const isHubOpen = status.hubs.some(({ state }) => state.startsWith('open'));
  switch (status.state) {
    case 'idle':
    case 'joining':
      return `Joining “${status.network}” through ${hubShown} …`;
    case 'isolated':
      return 'Isolated: no hub and no link. Trying again and again; this page joins by itself when the hub is back.';
    case 'leaving':
      return 'Leaving …';
    case 'left':
      return 'You have left. Join again below.';
    default:
      if (isHubOpen) return '';
      return count(status) > 0
        ? 'The hub is away; reconnecting. Your links keep working without it.'
        : 'The hub is away; reconnecting.';
  }
}

function send(): void {
  const words = text.value.trim();
  if (words === '' || session === undefined) return;
  try {
    if (to.value === '') session.say(words);
    else session.tell(to.value, words);
    complain('');
    text.value = '';
    grow();
  } catch (error) {
    // The words stay in the box: nothing that was typed is lost.
    const { code, message } = failureOf(error);
    complain(`Not sent: ${message} (${code})`);
  }
  text.focus();
}

/** The box grows with its text, up to what the style sheet allows. */
function grow(): void {
  text.style.height = 'auto';
  text.style.height = `${text.scrollHeight + 2}px`;
}

function secondTab(): string {
  const url = new URL(location.href);
  url.searchParams.delete('name');
  return url.href;
}

join.addEventListener('submit', (event) => {
  event.preventDefault();
  const chosen = cleanName(name.value);
  name.value = chosen;
  if (chosen === '') {
    complain('Please choose a name.');
    name.focus();
    return;
  }
  complain('');
  enter(chosen);
});
compose.addEventListener('submit', (event) => {
  event.preventDefault();
  send();
});
text.addEventListener('input', grow);
text.addEventListener('keydown', (event) => {
  // Enter sends, Shift+Enter breaks the line; while an input method composes, Enter belongs to it.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
leave.addEventListener('click', () => {
  session?.leave('the visitor left').catch((error: unknown) => complain(failureOf(error).message));
});
// The goodbyes go out at once; the page may be gone before the answer.
addEventListener('pagehide', () => {
  session?.leave('the page was closed').catch((error: unknown) => console.warn(error));
});

setText(byId('network-name', HTMLElement), options.network);
setText(byId('hub-url', HTMLElement), hubShown);
byId('second-tab', HTMLAnchorElement).href = secondTab();
setPhase('choosing');
complain(options.complaints.join(' '));
name.value = options.name;
if (options.name === '') name.focus();
else enter(options.name);

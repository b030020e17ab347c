/**
 * Goal: two pages that know no server become a mesh by texts that people copy from one to the other.
 *
 * One page invites and hands the text over. The other accepts it and hands a text back. The first accepts that and hands over
 * the last one. `page.html#invite=TEXT` is an invitation as a link.
 */
import { createIdentity, createMeshActor, MeshError } from 'xstate-mesh';
import { invitationSignaling } from 'xstate-mesh/adapters/invitation';

const identity = createIdentity();
const texts = invitationSignaling({ identity });
const network = new URL(location.href).searchParams.get('network') ?? 'copy-paste';
const mesh = createMeshActor({ identity, network, signaling: [texts] }).start();
addEventListener('pagehide', () => mesh.leave('the page was closed').catch(console.warn));

function find<T extends HTMLElement>(id: string, kind: new () => T): T {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${id}`);
}
const given = find('given', HTMLTextAreaElement);
const mine = find('mine', HTMLTextAreaElement);
const what = find('what', HTMLElement);
const trouble = find('trouble', HTMLElement);
const state = find('state', HTMLOutputElement);
const words = find('words', HTMLInputElement);
const said = find('said', HTMLUListElement);

/** Shows what an action gave, or what was wrong. */
async function attempt(action: () => Promise<readonly [what: string, text: string]>): Promise<void> {
  trouble.textContent = '';
  try {
    [what.textContent, mine.value] = await action();
  } catch (error) {
    trouble.textContent = error instanceof MeshError ? `${error.code}: ${error.message}` : String(error);
  }
}

find('invite', HTMLButtonElement).onclick = () =>
  attempt(async () => ['An invitation for one person, good for ten minutes', await texts.invite()]);
find('accept', HTMLButtonElement).onclick = () =>
  attempt(async () => {
    const answer = await texts.accept(given.value);
    given.value = '';
    return answer === undefined ? ['Nothing more to hand over', ''] : ['Hand this back', answer];
  });
find('copy', HTMLButtonElement).onclick = () => navigator.clipboard.writeText(mine.value).catch(() => mine.select());
find('form', HTMLFormElement).onsubmit = (event) => {
  event.preventDefault();
  tell('me', words.value);
  mesh.broadcast(words.value);
  words.value = '';
};

function tell(who: string, text: string): void {
  const line = document.createElement('li');
  line.textContent = `${who}: ${text}`;
  said.append(line);
}
function show(): void {
  const links = mesh.status().links.filter((link) => link.state.startsWith('connected'));
  state.textContent = `${mesh.peerId.slice(0, 8)}: ${links.length === 0 ? 'linked to nobody yet' : `linked to ${links.map((link) => link.peerId.slice(0, 8)).join(', ')}`}`;
}
mesh.on('peers.changed', show);
mesh.on('message', ({ from, data }) => tell(from.slice(0, 8), String(data)));
mesh.on('peer.timedOut', ({ remote }) => {
  trouble.textContent = `No link to ${remote.slice(0, 8)}: the texts took too long. Invite again.`;
});
show();
if (location.hash.startsWith('#invite=')) given.value = location.href;

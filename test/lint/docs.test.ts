/** Goal: the user's documents name all that the code has, option by option and flag by flag, and nothing that it lacks. */
import { describe, expect, it } from 'vitest';
import type { MeshEvent } from '../../runtime/api.ts';
import { COMMON_FLAGS } from '../../runtime/cli/flags.ts';
import { eventLine, PEER_COMMANDS } from '../../runtime/cli/peer-protocol.ts';
import { COMMANDS } from '../../runtime/cli/run.ts';
import { MeshError } from '../../runtime/index.ts';
import { idOf } from '../cli/fakes.ts';
import { DEEP_FLAGS } from '../simulation/deep-flags.ts';
import { DIRECTS_FLAGS } from '../simulation/directs-flags.ts';
import {
  asSet,
  fieldTexts,
  flagsIn,
  isCode,
  membersOf,
  namedIn,
  rowsOf,
  sectionOf,
  spansOf,
  textsIn,
  unionOf,
} from './docs.ts';
import { filesOf, PRODUCT, parse, type Source, typescriptOf } from './source.ts';

const docs = filesOf(['docs'], (path) => path.endsWith('.md'));
const product = typescriptOf(PRODUCT);
function file(path: string): Source {
  const found = [...docs, ...product].find((source) => source.path === path);
  if (found === undefined) throw new Error(`${path} is not there`);
  return found;
}
const [api, cli, dht, simulator] = ['api', 'cli', 'dht', 'simulator'].map((name) => file(`docs/${name}.md`)) as [
  Source,
  Source,
  Source,
  Source,
];
const types = file('runtime/api.ts');
const nameOf = (call: string): string => /^\w+/.exec(call)?.[0] ?? call;

describe('docs/api.md', () => {
  it('names each option', () => {
    expect(asSet(namedIn(sectionOf(api, 'createMeshActor(options)')))).toEqual(asSet(membersOf(types, 'MeshOptions')));
  });
  it('names each method', () => {
    const all = [...membersOf(types, 'MeshMethods'), ...membersOf(file('runtime/mesh/methods.ts'), 'Mesh'), 'start'];
    expect(asSet(namedIn(sectionOf(api, 'Methods')).map(nameOf))).toEqual(asSet(all));
    const ofDht = membersOf(file('runtime/dht/methods.ts'), 'DhtMethods');
    const told = rowsOf(dht.text).flatMap((cells) => spansOf(cells[0] ?? '').filter((span) => /^\w+\(/.test(span)));
    expect(asSet(told.map(nameOf))).toEqual(asSet(ofDht));
  });
  it('names each event', () => {
    expect(asSet(namedIn(sectionOf(api, 'Events')))).toEqual(asSet(membersOf(types, 'MeshEvents')));
  });
  it('names each status code, reason and proof code', () => {
    const row = rowsOf(sectionOf(api, 'Events')).find(([name]) => name === '`status.changed`');
    const codes = unionOf(file('machines/mesh/mesh.events.ts'), 'StatusCode');
    expect(asSet(spansOf(row?.[2] ?? ''))).toEqual(asSet(codes));
    const reasons = /^Reasons of `peer\.disconnected`: (?:.+\n)+/m.exec(api.text)?.[0] ?? '';
    expect(asSet(spansOf(reasons).slice(1))).toEqual(asSet(unionOf(types, 'DisconnectReason')));
    const proofs = namedIn(sectionOf(api, 'Who is at the other end'));
    expect(asSet(proofs)).toEqual(asSet(unionOf(file('runtime/ports/identity.ts'), 'ProofCode')));
  });
  it('names each error', () => {
    const codes = unionOf(file('runtime/errors.ts'), 'MeshErrorCode');
    expect(asSet(namedIn(sectionOf(api, 'Errors')))).toEqual(asSet(codes));
    const thrown = [...namedIn(sectionOf(api, 'Methods'), 2), ...namedIn(sectionOf(dht, 'Methods'), 2)];
    expect(thrown.filter((code) => /^[A-Z]/.test(code) && !codes.includes(code))).toEqual([]);
  });
  it('names each event and option of a hub', () => {
    const section = sectionOf(api, 'xstate-mesh/hub');
    const events = membersOf(file('hub/hub.events.ts'), 'HubEventMap');
    // Those of hubs among each other are told where it leads.
    const told = [...spansOf(section), ...spansOf(file('docs/hubs.md').text)].map(nameWithDots);
    expect(events.filter((name) => !told.includes(name))).toEqual([]);
    const flags = COMMANDS.find(({ spec }) => spec.name === 'hub')?.spec.flags.map(({ name }) => camel(name)) ?? [];
    const known = [...flags, ...spansOf(section)];
    expect(membersOf(file('hub/options.ts'), 'HubOptions').filter((name) => !known.includes(name))).toEqual([]);
  });
});

const nameWithDots = (span: string): string => /^[\w.]+/.exec(span)?.[0] ?? span;
const camel = (name: string): string => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

describe('docs/cli.md', () => {
  const common: readonly string[] = COMMON_FLAGS.map(({ name }) => name);
  const placeOf = (name: string): string =>
    name === 'simulate' || name === 'replay' ? sectionOf(simulator, 'The command') : sectionOf(cli, name);

  it('names each command', () => {
    const told = namedIn(cli.text.slice(0, cli.text.indexOf('\n## ')));
    expect(asSet(told)).toEqual(asSet(COMMANDS.map(({ spec }) => spec.name)));
  });
  it('names the flags of all commands', () => {
    const told = flagsIn(sectionOf(cli, 'What holds for every command'));
    expect(asSet(told)).toEqual(asSet([...common, 'version']));
  });
  it.each(COMMANDS.map(({ spec }) => spec))('names each flag of $name', ({ name, flags }) => {
    const told = flagsIn(placeOf(name));
    const short = spansOf(placeOf(name)).map((span) => /^-\w\b/.exec(span)?.[0].slice(1));
    const own = flags.filter((flag) => !common.includes(flag.name));
    const missing = own.filter((flag) => !told.includes(flag.name) && !short.includes(flag.short ?? ''));
    expect(missing.map((flag) => flag.name)).toEqual([]);
  });
  // The one flag of `replay` is told in a sentence.
  const withTables = COMMANDS.map(({ spec }) => spec).filter(({ name }) => name !== 'replay');
  it.each(withTables)('gives bounds and variables of $name as they are', ({ name, flags }) => {
    const wrong: string[] = [];
    for (const cells of rowsOf(placeOf(name))) {
      const row = cells.join(' | ');
      for (const told of flagsIn(cells[0] ?? '')) {
        const flag = flags.find((other) => other.name === told);
        if (flag === undefined) wrong.push(`--${told} is none`);
        else if (flag.kind === 'integer' && !row.includes(`${flag.min} to ${flag.max}`))
          wrong.push(`--${told}: ${flag.min} to ${flag.max}`);
        if (flag?.env !== undefined && !row.includes(`\`${flag.env}\``)) wrong.push(`--${told}: ${flag.env}`);
      }
    }
    expect(wrong).toEqual([]);
  });
  it('names each command that a program writes to peers', () => {
    expect(asSet(namedIn(sectionOf(cli, 'Lines in')))).toEqual(asSet(PEER_COMMANDS));
  });
  it('names each event that peers print', () => {
    const owner = { peer: 0, peerId: idOf(1) };
    const printed = membersOf(types, 'MeshEvents').filter((type) => {
      // Only the name decides whether a line is printed; `error` is read.
      const event = { type, error: new MeshError('LEFT', '') } as unknown as MeshEvent;
      return eventLine(owner, event) !== undefined;
    });
    const own = ['peer-session', 'peer-protocol'].flatMap((name) =>
      fieldTexts(file(`runtime/cli/${name}.ts`), 'event'),
    );
    const section = sectionOf(cli, 'Lines out');
    const others = /^Others print (?:.+\n?)+/m.exec(section)?.[0] ?? '';
    expect(asSet([...namedIn(section), ...spansOf(others)])).toEqual(asSet([...printed, ...own]));
  });
  it('names each event of a hub', () => {
    const told = spansOf(sectionOf(cli, 'hub')).map(nameWithDots);
    const events = membersOf(file('hub/hub.events.ts'), 'HubEventMap').filter((name) => name !== 'hub.listening');
    expect(events.filter((name) => !told.includes(name))).toEqual([]);
    expect(sectionOf(cli, 'hub')).toContain('"event": "listening"');
  });
});

describe('all documents', () => {
  it('name no flag that no command has', () => {
    const known = new Set([...COMMANDS.flatMap(({ spec }) => spec.flags.map(({ name }) => name)), 'version']);
    // Deep runs are scripts of this tree; lines with commands of others (docker, openssl, …) are theirs.
    const ofScripts = new Set<string>([...DEEP_FLAGS, ...DIRECTS_FLAGS].map(({ name }) => name));
    const wrong: string[] = [];
    for (const document of docs) {
      const own = document === simulator ? sectionOf(simulator, 'Deep runs') : '';
      for (const line of document.text.split('\n')) {
        if (/\bnpm run (?!simulate)|docker|systemctl|openssl|node --|NODE_OPTIONS=/.test(line)) continue;
        const unknown = flagsIn(line).filter(
          (name) =>
            !known.has(name) && !((own.includes(line) || line.includes('npm run simulate:')) && ofScripts.has(name)),
        );
        wrong.push(...unknown.map((name) => `${document.path}: --${name}`));
      }
    }
    expect(wrong).toEqual([]);
  });
  it('name no code that the sources never say', () => {
    const variables = COMMANDS.flatMap(({ spec }) => spec.flags.map(({ env }) => env));
    const said = new Set([...product.flatMap((source) => textsIn(parse(source))), ...variables]);
    const wrong = docs.flatMap(({ path, text }) =>
      spansOf(text)
        .filter((span) => isCode(span) && !said.has(span))
        .map((span) => `${path}: ${span}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('the rules themselves', () => {
  const text = '# A\n\n| a | b |\n|---|---|\n| `x`, `y` | `p \\| q` --one |\n\n## B\n`z` --two-three-four-\n# C\n`c`\n';
  const document: Source = { path: 'docs/a.md', text };
  it('read a document', () => {
    expect(namedIn(sectionOf(document, 'A'))).toEqual(['x', 'y']);
    expect(namedIn(text, 1)).toEqual(['p \\| q']);
    expect(spansOf(sectionOf(document, 'B'))).toEqual(['z']);
    expect(flagsIn(text)).toEqual(['one', 'two-three-four']);
    expect(() => sectionOf(document, 'D')).toThrow('no heading');
    expect(['JOIN_TIMEOUT', 'FILE', 'a_b'].map(isCode)).toEqual([true, false, false]);
  });
  it('read the code', () => {
    const source: Source = {
      path: 'a.ts',
      text: `interface A { readonly a?: 1; 'b.c': 2; d(): void }\ntype B = 'x' | 'y';`,
    };
    expect(membersOf(source, 'A')).toEqual(['a', 'b.c', 'd']);
    expect(unionOf(source, 'B')).toEqual(['x', 'y']);
    expect(() => membersOf(source, 'B')).toThrow('no interface');
    expect(fieldTexts({ path: 'a.ts', text: `f({ event: 'x' }); g({ event: y });` }, 'event')).toEqual(['x']);
  });
});

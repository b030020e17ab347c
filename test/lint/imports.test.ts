/** Goal: imports keep the direction of the layers, and no two files wait for each other. */
import { describe, expect, it } from 'vitest';
import { cycles, importsOf, wrongImports } from './imports.ts';
import { PRODUCT, report, typescriptOf } from './source.ts';

const sources = typescriptOf([...PRODUCT, 'examples']);
const ALIASES = { '#defaults': ['adapters/default.browser.ts', 'adapters/default.node.ts'] };

describe('imports of this tree', () => {
  it('has files to look at', () => {
    expect(sources.length).toBeGreaterThan(10);
    expect(sources.flatMap(importsOf).length).toBeGreaterThan(20);
  });
  it('keeps the direction of the layers', () => expect(report(wrongImports(sources))).toBe(''));
  it('has no cycle', () => expect(report(cycles(sources, ALIASES))).toBe(''));
});

describe('the rules themselves', () => {
  const bad: readonly (readonly [path: string, text: string])[] = [
    ['machines/peer/peer.machine.ts', `import { encode } from '../../runtime/wire/messages.ts';`],
    ['machines/peer/peer.machine.ts', `import type { X } from '../../runtime/create-mesh.ts';`],
    ['machines/peer/peer.machine.ts', `import { x } from '../../adapters/memory.ts';`],
    ['machines/peer/peer.machine.ts', `import ws from 'ws';`],
    ['machines/peer/peer.machine.ts', `export { x } from '../../hub/index.ts';`],
    ['machines/peer/peer.machine.ts', `const late = () => import('../../adapters/memory.ts');`],
    ['machines/shared/ids.ts', `import { x } from '../peer/peer.core.ts';`],
    ['machines/peer/peer.core.ts', `import { assign } from 'xstate';`],
    ['machines/peer/peer.core.ts', `import type { ActorRef } from 'xstate';`],
    ['machines/peer/peer.core.ts', `import { x } from '../mesh/mesh.core.ts';`],
    ['machines/peer/peer.core.ts', `import type { M } from './peer.machine.ts';`],
    ['machines/peer/peer.core.ts', `import type { M } from '../../runtime/create-mesh.ts';`],
    ['machines/peer/peer.core.ts', `import type { Server } from 'node:http';`],
    ['hub/route.core.ts', `import { object } from 'valibot';`],
    ['hub/route.core.ts', `import { createMesh } from '../runtime/create-mesh.ts';`],
    ['adapters/memory.ts', `import { x } from '../machines/peer/peer.core.ts';`],
    ['adapters/memory.ts', `import { x } from '../runtime/create-mesh.ts';`],
    ['adapters/memory.ts', `import { x } from 'xstate-mesh';`],
    ['runtime/create-mesh.ts', `import { x } from '../hub/index.ts';`],
    ['runtime/create-mesh.ts', `import { x } from './cli/main.ts';`],
    ['runtime/create-mesh.ts', `import { x } from '../test/setup/chromium.ts';`],
    ['runtime/ports/link.ts', `import { x } from '../create-mesh.ts';`],
    ['hub/index.ts', `import { x } from '../adapters/memory.ts';`],
    ['hub/index.ts', `import { x } from '../runtime/cli/flags.ts';`],
    ['examples/chat/main.ts', `import { x } from '../../runtime/index.ts';`],
  ];
  for (const [path, text] of bad) {
    it(`refuses in ${path}: ${text}`, () => expect(wrongImports([{ path, text }])).toHaveLength(1));
  }

  const good: readonly (readonly [path: string, text: string])[] = [
    ['machines/peer/peer.machine.ts', `import type { LinkPort } from '../../runtime/ports/link.ts';`],
    ['machines/peer/peer.machine.ts', `import { setup } from 'xstate'; import { x } from '../shared/ids.ts';`],
    ['machines/peer/peer.core.ts', `import { y } from './table.core.ts'; import type { E } from './peer.events.ts';`],
    [
      'adapters/memory.ts',
      `import { x } from '../machines/shared/limits.ts'; import { w } from '../runtime/wire/a.ts';`,
    ],
    ['hub/route.core.ts', `import type { Server } from 'node:http';`],
    ['runtime/cli/hub.ts', `import { createHubActor } from '../../hub/index.ts';`],
    ['runtime/create-mesh.ts', `import { defaults } from '#defaults';`],
    ['hub/index.ts', `import { x } from '../runtime/errors.ts'; import { WebSocketServer } from 'ws';`],
    ['examples/chat/main.ts', `import { createMeshActor } from 'xstate-mesh';`],
  ];
  for (const [path, text] of good) {
    it(`accepts in ${path}: ${text}`, () => expect(report(wrongImports([{ path, text }]))).toBe(''));
  }

  it('sees a cycle through three files, and none through types or import()', () => {
    const ring = (how: string) => [
      { path: 'runtime/a.ts', text: `import { b } from './b.ts';` },
      { path: 'runtime/b.ts', text: `export { c } from './c.ts';` },
      { path: 'runtime/c.ts', text: how },
    ];
    expect(cycles(ring(`import { a } from './a.ts';`))).toHaveLength(1);
    expect(cycles(ring(`import type { A } from './a.ts';`))).toHaveLength(0);
    expect(cycles(ring(`const a = () => import('./a.ts');`))).toHaveLength(0);
  });
});

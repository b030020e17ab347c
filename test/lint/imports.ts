/** The direction of imports between layers, and cycles between files. */
import { posix } from 'node:path';
import { type Finding, isNode, lineAt, type Node, parse, type Source, walk } from './source.ts';

export interface Import {
  readonly specifier: string;
  /** `type`: erased by the compiler. `lazy`: by `import()`, which runs later. */
  readonly kind: 'value' | 'type' | 'lazy';
  readonly line: number;
}

/** All imports and re-exports of a file, `import()` expressions and `import('…').T` types among them. */
export function importsOf(source: Source): Import[] {
  const found: Import[] = [];
  const add = (node: Node, kind: Import['kind']): void => {
    const literal = node.source;
    if (!isNode(literal) || typeof literal.value !== 'string') return;
    found.push({ specifier: literal.value, kind, line: lineAt(source.text, node.start) });
  };
  walk(parse(source), (node) => {
    if (node.type === 'ImportDeclaration') add(node, node.importKind === 'type' ? 'type' : 'value');
    else if (node.type === 'ExportNamedDeclaration' || node.type === 'ExportAllDeclaration') {
      add(node, node.exportKind === 'type' ? 'type' : 'value');
    } else if (node.type === 'ImportExpression') add(node, 'lazy');
    else if (node.type === 'TSImportType') add(node, 'type');
    return undefined;
  });
  return found;
}

/** The file that a relative specifier names, as a path from the root; undefined for packages. */
export const targetOf = (path: string, specifier: string): string | undefined =>
  specifier.startsWith('.') ? posix.normalize(posix.join(posix.dirname(path), specifier)) : undefined;

const starts = (path: string, ...prefixes: string[]): boolean => prefixes.some((prefix) => path.startsWith(prefix));
const isXState = (specifier: string): boolean => specifier === 'xstate' || specifier.startsWith('xstate/');
/** What charts and cores may name, in types only: the borders they are written against. */
const isBorder = (target: string): boolean => starts(target, 'runtime/ports/') || target === 'runtime/wire/messages.ts';

/** Why a file may not import this, or undefined where it may. `target` is a path from the root or a package. */
type Rule = (path: string, target: string, kind: Import['kind'], isPackage: boolean) => string | undefined;

const coreRule: Rule = (path, target, kind, isPackage) => {
  if (isPackage) {
    const isErased = kind === 'type' && !isXState(target);
    return isErased ? zoneRule(path, target, kind, isPackage) : 'a core imports no package, and nothing of xstate';
  }
  const inShared = starts(target, 'machines/shared/');
  const inFolder = posix.dirname(target) === posix.dirname(path) && !target.endsWith('.machine.ts');
  if (inShared || inFolder) return undefined;
  if (kind === 'type' && !target.endsWith('.machine.ts')) return zoneRule(path, target, kind, isPackage);
  return 'a core imports machines/shared, its own folder and types';
};

const machinesRule: Rule = (path, target, kind, isPackage) => {
  if (isPackage) return isXState(target) ? undefined : 'machines import no package but xstate';
  if (starts(path, 'machines/shared/')) {
    return starts(target, 'machines/shared/') ? undefined : 'machines/shared imports nothing but itself';
  }
  if (starts(target, 'machines/')) return undefined;
  if (!isBorder(target)) return 'machines import machines, and types of runtime/ports and runtime/wire/messages.ts';
  return kind === 'type' ? undefined : 'machines import from runtime in types only: write `import type`';
};

const adaptersRule: Rule = (_path, target, _kind, isPackage) =>
  isPackage || starts(target, 'adapters/', 'runtime/ports/', 'runtime/wire/', 'machines/shared/')
    ? undefined
    : 'adapters import runtime/ports, runtime/wire and machines/shared';

const runtimeRule: Rule = (path, target, kind, isPackage) => {
  if (isPackage) return undefined;
  if (starts(path, 'runtime/ports/')) {
    const isFit = starts(target, 'runtime/ports/', 'runtime/wire/', 'machines/shared/') || kind === 'type';
    return isFit ? undefined : 'ports import types, and machines/shared';
  }
  if (starts(target, 'hub/') && !starts(path, 'runtime/cli/'))
    return 'runtime imports nothing of the hub (its command line may)';
  if (starts(target, 'runtime/cli/') && !starts(path, 'runtime/cli/')) return 'nothing imports the command line';
  return starts(target, 'runtime/', 'machines/', 'adapters/', 'hub/') ? undefined : 'runtime imports what ships only';
};

const hubRule: Rule = (_path, target, _kind, isPackage) => {
  if (isPackage) return undefined;
  if (starts(target, 'runtime/cli/')) return 'nothing imports the command line';
  if (starts(target, 'adapters/')) return 'the hub imports no adapter: runtime joins them';
  return starts(target, 'hub/', 'machines/', 'runtime/') ? undefined : 'the hub imports machines and runtime';
};

const examplesRule: Rule = (_path, target, _kind, isPackage) =>
  isPackage || starts(target, 'examples/') ? undefined : 'examples import the package by its public names';

const zoneRule: Rule = (path, target, kind, isPackage) => {
  if (starts(path, 'machines/')) return machinesRule(path, target, kind, isPackage);
  if (starts(path, 'adapters/')) return adaptersRule(path, target, kind, isPackage);
  if (starts(path, 'runtime/')) return runtimeRule(path, target, kind, isPackage);
  if (starts(path, 'hub/')) return hubRule(path, target, kind, isPackage);
  if (starts(path, 'examples/')) return examplesRule(path, target, kind, isPackage);
  return undefined;
};

/** Every import that points against the layers. */
export function wrongImports(sources: readonly Source[]): Finding[] {
  const findings: Finding[] = [];
  for (const source of sources) {
    const rule = source.path.endsWith('.core.ts') ? coreRule : zoneRule;
    for (const { specifier, kind, line } of importsOf(source)) {
      const target = targetOf(source.path, specifier);
      const isOwn = specifier.startsWith('#') || specifier === 'xstate-mesh' || specifier.startsWith('xstate-mesh/');
      if (isOwn && !starts(source.path, 'examples/', 'runtime/')) {
        findings.push({ path: source.path, line, message: `${specifier}: only runtime and examples name the package` });
      }
      const why = rule(source.path, target ?? specifier, kind, target === undefined);
      if (why !== undefined) findings.push({ path: source.path, line, message: `${specifier}: ${why}` });
    }
  }
  return findings;
}

/**
 * Cycles of value imports, each once. `import()` runs after all modules are loaded and breaks a cycle; types are erased.
 * `aliases` maps a package-internal name such as `#defaults` to the files it may stand for.
 */
export function cycles(
  sources: readonly Source[],
  aliases: Readonly<Record<string, readonly string[]>> = {},
): Finding[] {
  const edges = new Map<string, string[]>();
  for (const source of sources) {
    const targets = importsOf(source)
      .filter(({ kind }) => kind === 'value')
      .flatMap(({ specifier }) => aliases[specifier] ?? [targetOf(source.path, specifier) ?? []].flat());
    edges.set(source.path, targets);
  }
  const findings: Finding[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) {
      findings.push({ path, line: 1, message: `cycle of imports: ${[...trail.slice(at), path].join(' -> ')}` });
      return;
    }
    if (done.has(path)) return;
    for (const target of edges.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return findings;
}

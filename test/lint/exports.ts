/** Exports that nobody needs: what a file gives out and no other file takes, by plain reading of imports and exports. */
import { targetOf } from './imports.ts';
import { type Finding, isNode, lineAt, type Node, parse, type Source, walk } from './source.ts';

interface Export {
  readonly name: string;
  readonly line: number;
}

/** All of a file's names, however many there are. */
const ALL = '*';

const nameOf = (node: unknown): string | undefined =>
  !isNode(node) ? undefined : node.type === 'Literal' ? String(node.value) : (node.name as string | undefined);
const listOf = (value: unknown): Node[] => (Array.isArray(value) ? value.filter(isNode) : []);

/** Names that a declaration binds: of a pattern, each of its parts. */
function boundBy(declaration: Node): string[] {
  const name = nameOf(declaration.id);
  if (name !== undefined) return [name];
  const found: string[] = [];
  for (const { id } of listOf(declaration.declarations)) {
    if (!isNode(id)) continue;
    walk(id, (node, _parent, field) => {
      if (field === 'typeAnnotation') return false;
      if (node.type === 'Identifier' && field !== 'key') found.push(String(node.name));
      return undefined;
    });
  }
  return found;
}

/** What a file exports by name, `default` among them. What `export *` passes on belongs to the file it comes from. */
function exportsOf(source: Source, program: Node): Export[] {
  const found: Export[] = [];
  for (const node of listOf(program.body)) {
    const add = (name: string | undefined): void => {
      if (name !== undefined) found.push({ name, line: lineAt(source.text, node.start) });
    };
    if (node.type === 'ExportDefaultDeclaration') add('default');
    if (node.type !== 'ExportNamedDeclaration') continue;
    if (isNode(node.declaration)) boundBy(node.declaration).forEach(add);
    for (const specifier of listOf(node.specifiers)) add(nameOf(specifier.exported));
  }
  return found;
}

/** What a file takes of others, as `[specifier, name]`; a namespace and `import()` take all. */
function takenBy(program: Node): [specifier: string, name: string][] {
  const found: [string, string][] = [];
  walk(program, (node) => {
    const specifier = isNode(node.source) ? node.source.value : undefined;
    if (typeof specifier !== 'string') return undefined;
    const parts = listOf(node.specifiers);
    if (node.type === 'ImportDeclaration') {
      for (const part of parts) {
        const isDefault = part.type === 'ImportDefaultSpecifier';
        found.push([specifier, isDefault ? 'default' : (nameOf(part.imported) ?? ALL)]);
      }
    } else if (node.type === 'ExportNamedDeclaration') {
      for (const part of parts) found.push([specifier, nameOf(part.local) ?? ALL]);
    } else if (node.type === 'TSImportType') found.push([specifier, nameOf(node.qualifier) ?? ALL]);
    else found.push([specifier, ALL]);
    return undefined;
  });
  return found;
}

/** How often a file says each name, keys of objects and members aside. */
function saidIn(program: Node): Map<string, number> {
  const counts = new Map<string, number>();
  walk(program, (node, parent, field) => {
    if (parent?.type === 'ExportSpecifier') return false;
    const isMember = parent?.type === 'MemberExpression' && field === 'property' && parent.computed !== true;
    const isKey = field === 'key' && parent?.computed !== true;
    if (node.type === 'Identifier' && !isMember && !isKey) {
      counts.set(String(node.name), (counts.get(String(node.name)) ?? 0) + 1);
    }
    return undefined;
  });
  return counts;
}

/**
 * Exports that no other file takes and their own file does not use either. `entries` are exempt: others than these files
 * take what they give out. `takers` take and are not looked at themselves.
 */
export function deadExports(
  sources: readonly Source[],
  entries: ReadonlySet<string>,
  takers: readonly Source[] = [],
): Finding[] {
  const taken = new Map<string, Set<string>>();
  const programs = new Map(sources.map((source) => [source.path, parse(source)]));
  for (const source of [...sources, ...takers]) {
    for (const [specifier, name] of takenBy(programs.get(source.path) ?? parse(source))) {
      const target = targetOf(source.path, specifier);
      if (target !== undefined) taken.set(target, (taken.get(target) ?? new Set()).add(name));
    }
  }
  const findings: Finding[] = [];
  for (const source of sources) {
    const program = programs.get(source.path);
    const names = taken.get(source.path);
    if (program === undefined || entries.has(source.path) || names?.has(ALL)) continue;
    const said = saidIn(program);
    for (const { name, line } of exportsOf(source, program)) {
      // Once is the declaration itself.
      if (names?.has(name) || (said.get(name) ?? 0) > 1) continue;
      findings.push({ path: source.path, line, message: `${name}: nobody takes this export` });
    }
  }
  return findings;
}

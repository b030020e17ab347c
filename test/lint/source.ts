/** What the lint tests share: the files of the tree, their syntax trees, and the form of a finding. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'vite';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** Folders whose code ships. */
export const PRODUCT = ['machines', 'runtime', 'adapters', 'hub'] as const;

/** One file, by its path from the root with `/` between names. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** One broken rule. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** A node of the syntax tree, as plain data: `type` decides which other fields there are. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** Every file below the folders whose name passes, in a fixed order. Folders that do not exist are empty. */
export function filesOf(folders: readonly string[], accept: (name: string) => boolean): Source[] {
  const sources: Source[] = [];
  for (const folder of folders) {
    const start = join(ROOT, folder);
    if (!existsSync(start)) continue;
    for (const entry of readdirSync(start, { recursive: true, withFileTypes: true })) {
      const full = join(entry.parentPath, entry.name);
      const path = relative(ROOT, full).replaceAll('\\', '/');
      if (!entry.isFile() || path.includes('node_modules/') || !accept(path)) continue;
      sources.push({ path, text: readFileSync(full, 'utf8') });
    }
  }
  return sources.sort((a, b) => (a.path < b.path ? -1 : 1));
}

export const typescriptOf = (folders: readonly string[]): Source[] => filesOf(folders, (path) => path.endsWith('.ts'));

/** The syntax tree of a file. Throws where the file is no TypeScript. */
export function parse(source: Source): Node {
  const result = parseSync(source.path, source.text);
  const error = result.errors[0];
  if (error !== undefined) throw new Error(`${source.path}: ${error.message}`);
  // The parser types each kind of node; the rules here walk all kinds alike.
  return result.program as unknown as Node;
}

export const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length;

export const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';

/** The children of a node, with the name of the field that holds each. */
export function childrenOf(node: Node): [field: string, child: Node][] {
  const children: [string, Node][] = [];
  for (const [field, value] of Object.entries(node)) {
    if (isNode(value)) children.push([field, value]);
    else if (Array.isArray(value)) for (const item of value) if (isNode(item)) children.push([field, item]);
  }
  return children;
}

/** Visits a node and all below it, parents first. The visitor returns false to leave the children out. */
export function walk(node: Node, visit: (node: Node, parent?: Node, field?: string) => boolean | undefined): void {
  const step = (current: Node, parent?: Node, field?: string): void => {
    if (visit(current, parent, field) === false) return;
    for (const [name, child] of childrenOf(current)) step(child, current, name);
  };
  step(node);
}

/** Findings as text, one a line: an empty text is what a test expects. */
export const report = (findings: readonly Finding[]): string =>
  findings.map(({ path, line, message }) => `${path}:${line} ${message}`).join('\n');

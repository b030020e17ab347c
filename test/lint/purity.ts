/** The purity rule: time, randomness, crypto, storage and network reach charts and cores as ports only. */
import { importsOf } from './imports.ts';
import { type Finding, isNode, lineAt, type Node, parse, type Source, walk } from './source.ts';

/** Globals that read the world or change it. */
const WORLD = new Set([
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'queueMicrotask',
  'requestAnimationFrame',
  'crypto',
  'WebSocket',
  'RTCPeerConnection',
  'RTCSessionDescription',
  'RTCIceCandidate',
  'XMLHttpRequest',
  'EventSource',
  'BroadcastChannel',
  'MessageChannel',
  'Worker',
  'fetch',
  'process',
  'Buffer',
  'console',
  'require',
  'globalThis',
  'global',
  'window',
  'self',
  'document',
  'navigator',
  'localStorage',
  'sessionStorage',
  'indexedDB',
]);
/** Wrappers that hold an expression; every other node whose type starts with TS is erased. */
const TRANSPARENT = new Set([
  'TSAsExpression',
  'TSSatisfiesExpression',
  'TSNonNullExpression',
  'TSTypeAssertion',
  'TSInstantiationExpression',
]);

/** Files that the rule holds for: all of machines/, every core, and every chart. */
export const isPure = (path: string): boolean =>
  path.startsWith('machines/') || path.endsWith('.core.ts') || path.endsWith('.machine.ts');

const nameOf = (node: unknown): string | undefined =>
  isNode(node) && node.type === 'Identifier' ? String(node.name) : undefined;
const isMember = (node: Node, object: string, property: string): boolean =>
  node.type === 'MemberExpression' && nameOf(node.object) === object && propertyOf(node) === property;
const propertyOf = (node: Node): string | undefined =>
  node.computed === true && isNode(node.property) && node.property.type === 'Literal'
    ? String(node.property.value)
    : nameOf(node.property);

/** Is this identifier a name of its own (a property, a key), and no reference to a variable? */
function isLabel(parent: Node | undefined, field: string | undefined): boolean {
  if (parent === undefined) return false;
  if (parent.type === 'MemberExpression') return field === 'property' && parent.computed !== true;
  if (parent.type === 'Property' || parent.type === 'PropertyDefinition' || parent.type === 'MethodDefinition') {
    return field === 'key' && parent.computed !== true && parent.shorthand !== true;
  }
  return parent.type.startsWith('Import') || parent.type.startsWith('Export') || parent.type === 'LabeledStatement';
}

/** Names that the file declares itself: a parameter called `crypto` is a port, not the global. */
function declaredNames(program: Node): Set<string> {
  const names = new Set<string>();
  const bind = (pattern: unknown): void => {
    if (!isNode(pattern)) return;
    if (pattern.type === 'Identifier') names.add(String(pattern.name));
    else if (pattern.type === 'AssignmentPattern') bind(pattern.left);
    else if (pattern.type === 'RestElement') bind(pattern.argument);
    else if (pattern.type === 'Property') bind(pattern.value);
    else for (const part of [pattern.properties, pattern.elements].flat()) bind(part);
  };
  walk(program, (node) => {
    if (node.type === 'VariableDeclarator' || node.type === 'FunctionDeclaration') bind(node.id);
    if (Array.isArray(node.params)) for (const param of node.params) bind(param);
    if (node.type.startsWith('Import') && isNode(node.local)) bind(node.local);
    return undefined;
  });
  return names;
}

/** Every reach for the world in a file that must be pure. */
export function impurities(source: Source): Finding[] {
  const findings: Finding[] = [];
  const program = parse(source);
  const own = declaredNames(program);
  const add = (node: Node, message: string): void => {
    findings.push({ path: source.path, line: lineAt(source.text, node.start), message });
  };
  walk(program, (node, parent, field) => {
    if (node.type.startsWith('TS') && !TRANSPARENT.has(node.type)) return false;
    if (isMember(node, 'Date', 'now')) add(node, 'Date.now: take the time from the clock port');
    if (isMember(node, 'Math', 'random')) add(node, 'Math.random: take randomness from its port');
    if (node.type === 'NewExpression' && nameOf(node.callee) === 'Date' && (node.arguments as unknown[]).length === 0) {
      add(node, 'new Date(): take the time from the clock port');
    }
    if (node.type === 'CallExpression' && nameOf(node.callee) === 'Date')
      add(node, 'Date(): take the time from a port');
    const name = nameOf(node);
    if (name !== undefined && WORLD.has(name) && !own.has(name) && !isLabel(parent, field)) {
      add(node, `${name}: charts and cores reach the world through ports only`);
    }
    if (name === 'fromPromise' && parent?.type === 'ImportSpecifier' && field === 'imported') {
      add(node, 'fromPromise: ports are callbacks, since a promise loses races on a virtual clock');
    }
    return undefined;
  });
  for (const { specifier, kind, line } of importsOf(source)) {
    if (specifier.startsWith('node:') && kind !== 'type')
      findings.push({ path: source.path, line, message: `${specifier}: not in a pure file` });
  }
  return findings;
}

/**
 * The branches of what decodes, and which of them a run took: each function, each side of `if` and `?:`, what `&&`, `||`, `??` and
 * default values are followed by, each `case`, loop body and `catch`. V8 counts how often pieces of code ran, but merges pieces that
 * ran equally often, so that its own number of them is no measure: here a branch counts as taken when the innermost piece around its
 * first character ran.
 */
import type { Profiler } from 'node:inspector/promises';
import { parseAst } from 'vite';

interface Branch {
  readonly at: number;
  /** The named function or method that it is in; empty outside of all. */
  readonly within: string;
}

/** What is asked of a node: its tree has more kinds of them than matter here. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly [field: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';

/** Which fields of a node begin a branch each. */
const SIDES: Readonly<Record<string, readonly string[]>> = {
  IfStatement: ['consequent', 'alternate'],
  ConditionalExpression: ['consequent', 'alternate'],
  LogicalExpression: ['right'],
  AssignmentPattern: ['right'],
  ForStatement: ['body'],
  ForOfStatement: ['body'],
  ForInStatement: ['body'],
  WhileStatement: ['body'],
  CatchClause: ['body'],
  FunctionDeclaration: ['body'],
  FunctionExpression: ['body'],
  ArrowFunctionExpression: ['body'],
};
const SOMETIMES: ReadonlySet<unknown> = new Set(['??=', '||=', '&&=']);
/** A compiled module, as far as its branches matter. */
export class Module {
  readonly file: string;
  readonly code: string;
  readonly branches: Branch[] = [];
  /** By the name of a function: all names that stand in it. */
  readonly mentions = new Map<string, Set<string>>();

  constructor(file: string, code: string) {
    this.file = file;
    this.code = code;
    // vite's parser gives ESTree, whose nodes are as `Node` says.
    this.#visit(parseAst(code) as unknown as Node, '');
  }

  #visit(node: Node, within: string): void {
    for (const side of SIDES[node.type] ?? []) this.#add(node[side], within);
    if (node.type === 'SwitchCase') this.#add((node.consequent as readonly unknown[])[0], within);
    if (node.type === 'AssignmentExpression' && SOMETIMES.has(node.operator)) this.#add(node.right, within);
    if (node.type === 'Identifier') this.#mention(within, node.name as string);
    if (node.type === 'MemberExpression' && node.computed !== true) this.#mention(within, fieldName(node.property));
    const inner = nameOf(node, within);
    if (inner !== within) this.#mention(inner, inner);
    for (const [field, value] of Object.entries(node)) {
      if ((field === 'key' || field === 'property') && node.computed !== true) continue;
      for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) this.#visit(child, inner);
    }
  }

  #mention(within: string, name: string): void {
    const names = this.mentions.get(within) ?? new Set();
    this.mentions.set(within, names.add(name));
  }

  #add(child: unknown, within: string): void {
    if (isNode(child)) this.branches.push({ at: child.start, within });
  }
}

/** Methods and fields are asked for behind a dot: so they are no variables of the same name. */
const fieldName = (key: unknown): string =>
  isNode(key) ? `.${key.type === 'PrivateIdentifier' ? '#' : ''}${String(key.name)}` : '.';

const isFunction = (value: unknown): boolean => isNode(value) && value.type.endsWith('nExpression');

/** The function, method or constant outside of functions in which this node's children stand. */
function nameOf(node: Node, within: string): string {
  switch (node.type) {
    case 'FunctionDeclaration':
      return (node.id as { name?: string }).name ?? within;
    case 'MethodDefinition':
    case 'PropertyDefinition':
      return fieldName(node.key);
    case 'Property':
      return isFunction(node.value) ? fieldName(node.key) : within;
    case 'VariableDeclarator': {
      const { name } = node.id as { name?: unknown };
      return typeof name === 'string' && (within === '' || isFunction(node.init)) ? name : within;
    }
    default:
      return within;
  }
}

/** All functions that these lead to, in these modules: what writes only is not among them. */
export function reached(modules: readonly Module[], entries: readonly string[]): Set<string> {
  const found = new Set(entries.flatMap((name) => [name, `.${name}`]));
  for (const name of found) {
    for (const { mentions } of modules) {
      for (const other of mentions.get(name) ?? [])
        if (modules.some((one) => one.mentions.has(other))) found.add(other);
    }
  }
  return found;
}

/** The branches of a module in these functions, and where those are that were not taken. */
export function taken(module: Module, functions: ReadonlySet<string>, script: Profiler.ScriptCoverage | undefined) {
  const ranges = (script?.functions ?? []).flatMap((one) => one.ranges);
  const counted = module.branches.filter(({ within }) => functions.has(within));
  const missed = counted.filter(({ at }) => {
    let innermost: Profiler.CoverageRange | undefined;
    for (const range of ranges) {
      if (range.startOffset > at || range.endOffset <= at) continue;
      const size = range.endOffset - range.startOffset;
      if (innermost === undefined || size <= innermost.endOffset - innermost.startOffset) innermost = range;
    }
    return innermost === undefined || innermost.count === 0;
  });
  const shown = missed.map(({ at, within }) => `${module.file} ${within}: ${lineAt(module.code, at)}`);
  return { branches: counted.length, missed: shown };
}

/** From there to the end of the line. */
const lineAt = (code: string, at: number): string =>
  (
    code
      .slice(at, at + 200)
      .split('\n', 2)
      .join(' ') as string
  ).slice(0, 90);

/** Rules on files as such: their size and name, what they must open with, and words that no file may hold. */
import { type Finding, isNode, lineAt, type Node, parse, type Source, walk } from './source.ts';

export const FILE_LINES_MAX = 400;
/** The habit is 70; what is a little longer may be clearer in one piece. */
export const FUNCTION_LINES_MAX = 80;

const NAME = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*\.(?:ts|mts|mjs)$/;
const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

export function badShape({ path, text }: Source): Finding[] {
  const findings: Finding[] = [];
  const lines = text.split('\n').length - 1;
  if (lines > FILE_LINES_MAX) findings.push({ path, line: 1, message: `${lines} lines; at most ${FILE_LINES_MAX}` });
  const name = path.split('/').at(-1) ?? '';
  if (!NAME.test(name)) findings.push({ path, line: 1, message: 'names are kebab-case with role suffixes' });
  const isChart = path.endsWith('.machine.ts');
  if (isChart && !/^\s*\/\*\*/.test(text)) findings.push({ path, line: 1, message: 'a chart opens with its header' });
  return findings;
}

/** Functions that nobody can read in one look. A chart literal is data, whatever its length. */
export function longFunctions(source: Source): Finding[] {
  const findings: Finding[] = [];
  walk(parse(source), (node) => {
    if (!FUNCTIONS.has(node.type)) return undefined;
    const first = lineAt(source.text, node.start);
    const lines = lineAt(source.text, node.end) - first + 1;
    if (lines > FUNCTION_LINES_MAX) {
      findings.push({
        path: source.path,
        line: first,
        message: `a function of ${lines} lines; at most ${FUNCTION_LINES_MAX}`,
      });
    }
    return undefined;
  });
  return findings;
}

/**
 * What an object is made with lives as long as the object. V8 gives each result of `{ ...some, more }` a hidden class of its own,
 * and none to those that begin with a name: `{ more, ...some }`. In a process of many meshes each use of the former is slow.
 */
export function lonelyShapes(source: Source): Finding[] {
  const findings: Finding[] = [];
  walk(parse(source), (node) => {
    if (node.type !== 'NewExpression' || !Array.isArray(node.arguments)) return undefined;
    const [made] = node.arguments;
    if (!isNode(made) || made.type !== 'ObjectExpression' || !Array.isArray(made.properties)) return undefined;
    const [first, second] = made.properties;
    if (isNode(first) && first.type === 'SpreadElement' && second !== undefined) {
      const message = 'begin with a name, then spread: the object would have a hidden class of its own';
      findings.push({ path: source.path, line: lineAt(source.text, node.start), message });
    }
    return undefined;
  });
  return findings;
}

const SUITE = new Set(['it', 'test', 'describe', 'bench']);
const HIDING = new Set(['skip', 'only', 'todo', 'skipIf', 'runIf', 'fails']);

/** Tests that are there and do not count. */
export function hiddenTests(source: Source): Finding[] {
  const findings: Finding[] = [];
  const rootOf = (node: Node): string | undefined => {
    if (node.type === 'Identifier') return String(node.name);
    if (node.type === 'MemberExpression' && isNode(node.object)) return rootOf(node.object);
    return node.type === 'CallExpression' && isNode(node.callee) ? rootOf(node.callee) : undefined;
  };
  walk(parse(source), (node) => {
    if (node.type !== 'MemberExpression' || !isNode(node.property) || !HIDING.has(String(node.property.name)))
      return undefined;
    if (SUITE.has(rootOf(node) ?? '')) {
      const line = lineAt(source.text, node.start);
      findings.push({ path: source.path, line, message: `.${String(node.property.name)}: every test counts` });
    }
    return undefined;
  });
  return findings;
}

/** Places of one machine, or of one company's network, that a public tree must not name. */
export function strayPlaces({ path, text }: Source, hosts: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  // Only whole path prefixes: `network/` or `framework/` are words.
  const pattern = /(?<![\w.@-])\/(?:work|tmp|root|home|Users)\/[\w.-]+/g;
  for (const match of text.matchAll(pattern)) {
    findings.push({ path, line: lineAt(text, match.index), message: `${match[0]}: a path of one machine` });
  }
  for (const host of hosts) {
    const at = text.indexOf(host);
    if (at >= 0) findings.push({ path, line: lineAt(text, at), message: 'a package registry is named' });
  }
  return findings;
}

/** Casts through `unknown` and caught errors that are dropped: each needs a comment that says why. */
export function unexplained(source: Source): Finding[] {
  const findings: Finding[] = [];
  const lines = source.text.split('\n');
  const isComment = (line: string | undefined): boolean => /^\s*(?:\/\/|\*|\/\*)|\/\/ /.test(line ?? '');
  walk(parse(source), (node) => {
    const first = lineAt(source.text, node.start);
    const inner = node.type === 'TSAsExpression' && isNode(node.expression) ? node.expression : undefined;
    const isDouble = inner?.type === 'TSAsExpression' && isNode(inner.typeAnnotation);
    if (isDouble && (inner.typeAnnotation as Node).type === 'TSUnknownKeyword') {
      // The comment stands above the statement, or anywhere in it.
      const last = lineAt(source.text, node.end);
      if (!lines.slice(Math.max(0, first - 4), last).some(isComment)) {
        findings.push({
          path: source.path,
          line: first,
          message: 'a cast through unknown needs its reason in a comment',
        });
      }
    }
    if (node.type === 'CatchClause' && node.param === null) {
      const body = source.text.slice(node.start, node.end);
      if (!/\/\/|\/\*/.test(body)) {
        findings.push({ path: source.path, line: first, message: 'a dropped error needs its reason in a comment' });
      }
    }
    return undefined;
  });
  return findings;
}

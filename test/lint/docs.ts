/** What the user's documents name, by the tables they name it in, and what the code has, by the types it is written down in. */
import { isNode, type Node, parse, type Source, walk } from './source.ts';

/** The part of a document below a heading (without its `#`s), up to the next heading of the same rank or a higher one. */
export function sectionOf(document: Source, heading: string): string {
  const lines = document.text.split('\n');
  const start = lines.findIndex((line) => line.replace(/^#+ /, '') === heading && line.startsWith('#'));
  const rank = /^#+/.exec(lines[start] ?? '')?.[0].length;
  if (rank === undefined) throw new Error(`${document.path} has no heading "${heading}"`);
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => new RegExp(`^#{1,${rank}} `).test(line));
  return (end < 0 ? rest : rest.slice(0, end)).join('\n');
}

/** Cells of all rows of all tables, without the rows that only rule lines; the first row of a table is its head. */
export const rowsOf = (text: string): string[][] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^[|\s:-]+$/.test(line))
    .map((line) =>
      line
        .replace(/^\||\|\s*$/g, '')
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );

/** Texts between backticks of running text. */
export const spansOf = (text: string): string[] =>
  [...text.replace(/```[\s\S]*?```/g, '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');

/** What the tables of a text name in one column, between backticks. Heads have none there. */
export const namedIn = (text: string, column = 0): string[] =>
  rowsOf(text).flatMap((cells) => spansOf(cells[column] ?? ''));

/** Long flags in a text, code blocks included: `--name`, without what is behind it. */
export const flagsIn = (text: string): string[] =>
  [...text.matchAll(/(?<![\w-])--([a-z][a-z0-9]*(?:-[a-z0-9]+)*)/g)].map((match) => match[1] ?? '');

/** `true` for the form of an error code: capitals, parted by underscores. */
export const isCode = (text: string): boolean => /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(text);

/** What is said twice counts once; the order says nothing. */
export const asSet = (names: Iterable<string>): string[] => [...new Set(names)].sort();

const keyName = (key: unknown): string[] =>
  !isNode(key) ? [] : typeof key.name === 'string' ? [key.name] : typeof key.value === 'string' ? [key.value] : [];

/** Names of the members of an interface. Throws where the file has none of this name: the rule would check nothing. */
export function membersOf(source: Source, name: string): string[] {
  const found: string[] = [];
  walk(parse(source), (node) => {
    if (node.type !== 'TSInterfaceDeclaration' || !isNode(node.id) || node.id.name !== name) return undefined;
    const members = isNode(node.body) && Array.isArray(node.body.body) ? node.body.body : [];
    for (const member of members) if (isNode(member)) found.push(...keyName(member.key));
    return false;
  });
  if (found.length === 0) throw new Error(`${source.path} has no interface ${name} with members`);
  return found;
}

/** The texts of a type that is a union of texts. Throws where the file has none of this name. */
export function unionOf(source: Source, name: string): string[] {
  const found: string[] = [];
  walk(parse(source), (node) => {
    if (node.type !== 'TSTypeAliasDeclaration' || !isNode(node.id) || node.id.name !== name) return undefined;
    found.push(...textsIn(node));
    return false;
  });
  if (found.length === 0) throw new Error(`${source.path} has no union of texts ${name}`);
  return found;
}

/** Every literal text below a node. */
export function textsIn(root: Node): string[] {
  const found: string[] = [];
  walk(root, (node) => {
    if (node.type === 'Literal' && typeof node.value === 'string') found.push(node.value);
    return undefined;
  });
  return found;
}

/** Texts that objects of a file have in a field, such as `event: 'joined'`. */
export function fieldTexts(source: Source, field: string): string[] {
  const found: string[] = [];
  walk(parse(source), (node) => {
    if (node.type === 'Property' && keyName(node.key)[0] === field && isNode(node.value)) {
      if (node.value.type === 'Literal' && typeof node.value.value === 'string') found.push(node.value.value);
    }
    return undefined;
  });
  return found;
}

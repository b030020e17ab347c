/** Goal: files stay short and well named, every test counts, and nothing of one machine's set-up is published. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { badShape, hiddenTests, lonelyShapes, longFunctions, strayPlaces, unexplained } from './files.ts';
import { filesOf, PRODUCT, ROOT, report, type Source, typescriptOf } from './source.ts';

const all = typescriptOf([...PRODUCT, 'examples', 'test']);
const product = typescriptOf(PRODUCT);
const texts = filesOf(
  [...PRODUCT, 'examples', 'test', 'docs', '.ci', '.github'],
  (path) => /\.(?:ts|mjs|js|json|md|html|css|yml|yaml|svg)$/.test(path) || path.startsWith('.ci/'),
);
// In a second working tree of one clone `.git` is a file, which names the first one.
const top: readonly Source[] = readdirSync(ROOT, { withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name !== '.git')
  .map(({ name }) => ({ path: name, text: readFileSync(join(ROOT, name), 'utf8') }));

/** The hosts packages come from: the public one, and that of this machine. */
function registryHosts(): string[] {
  const configured = execFileSync('npm', ['config', 'get', 'registry'], { cwd: ROOT, encoding: 'utf8' }).trim();
  const hosts = [['registry', 'npmjs', 'org'].join('.')];
  if (URL.canParse(configured)) hosts.push(new URL(configured).host);
  return hosts;
}

describe('files of this tree', () => {
  it('has files to look at', () => {
    expect(all.length).toBeGreaterThan(20);
    expect(top.map(({ path }) => path)).toContain('package.json');
  });
  it('are short and well named', () => expect(report(all.flatMap(badShape))).toBe(''));
  it('make what lives long of objects that share a hidden class', () =>
    expect(report(product.filter(({ path }) => !path.startsWith('runtime/simulation')).flatMap(lonelyShapes))).toBe(
      '',
    ));
  it('hold no function that is too long', () => expect(report(product.flatMap(longFunctions))).toBe(''));
  it('explain their casts and dropped errors', () => expect(report(product.flatMap(unexplained))).toBe(''));
  it('hide no test', () => expect(report(all.flatMap(hiddenTests))).toBe(''));
  it('name no place of one machine and no registry', () => {
    const hosts = registryHosts();
    expect(report([...texts, ...top].flatMap((source) => strayPlaces(source, hosts)))).toBe('');
  });
});

describe('the rules themselves', () => {
  const file = (text: string, path = 'runtime/a.ts'): Source => ({ path, text });
  it('find a long file, a bad name and a chart without a header', () => {
    expect(badShape(file('\n'.repeat(401)))).toHaveLength(1);
    expect(badShape(file('', 'runtime/createMesh.ts'))).toHaveLength(1);
    expect(badShape(file('export {};', 'machines/a/a.machine.ts'))).toHaveLength(1);
    expect(badShape(file('/** Header. */', 'machines/a/a.machine.ts'))).toHaveLength(0);
  });
  it('find a long function', () => {
    expect(longFunctions(file(`function f() {\n${'a();\n'.repeat(90)}}`))).toHaveLength(1);
    expect(longFunctions(file(`function f() {\n${'a();\n'.repeat(20)}}`))).toHaveLength(0);
  });
  it('find objects that begin with a spread and go on', () => {
    expect(lonelyShapes(file('new A({ ...b, c });'))).toHaveLength(1);
    expect(lonelyShapes(file('new A({ c, ...b });\nnew A({ ...b });\nf({ ...b, c });'))).toHaveLength(0);
  });
  it('find casts and dropped errors without a reason', () => {
    expect(unexplained(file('const a = b as unknown as string;'))).toHaveLength(1);
    expect(unexplained(file('// The parser gives texts only.\nconst a = b as unknown as string;'))).toHaveLength(0);
    expect(unexplained(file('try { a(); } catch { b(); }'))).toHaveLength(1);
    expect(unexplained(file('try { a(); } catch {\n  // Not there: nothing to do.\n}'))).toHaveLength(0);
    expect(unexplained(file('try { a(); } catch (error) { b(error); }'))).toHaveLength(0);
  });
  it('find hidden tests', () => {
    for (const way of [
      'it.skip',
      'test.only',
      'describe.todo',
      'it.concurrent.skip',
      'it.skipIf(true)',
      'it.each([1]).only',
    ]) {
      expect(hiddenTests(file(`${way}('x', () => undefined);`)), way).toHaveLength(1);
    }
    expect(hiddenTests(file(`stream.skip(1); // it.skip('x')`))).toHaveLength(0);
  });
  it('find stray places', () => {
    const path = ['', 'work', 'main'].join('/');
    expect(strayPlaces(file(`see ${path}`), [])).toHaveLength(1);
    expect(strayPlaces(file(['file:', '', '', 'home', 'me'].join('/')), [])).toHaveLength(1);
    expect(strayPlaces(file('at registry.example.test'), ['registry.example.test'])).toHaveLength(1);
    expect(strayPlaces(file('https://example.test/network/x and framework/y'), [])).toHaveLength(0);
  });
});

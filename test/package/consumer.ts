/** An empty project that installs the packed tarball, as an app would. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../lint/source.ts';

const exec = promisify(execFile);

export interface Consumer {
  readonly folder: string;
  /** Paths in the tarball, without its `package/` folder. */
  readonly files: readonly string[];
  write(path: string, text: string): string;
  /** Runs a program in the project; resolves with its stdout, rejects with all it said. */
  run(command: string, ...args: string[]): Promise<string>;
  /** The compiler of this tree, over the project; its errors as lines. */
  typeErrors(options: Readonly<Record<string, unknown>>, files: readonly string[]): Promise<string[]>;
  remove(): void;
}

/** Packs `dist` as it is, and installs it with its dependencies; packages of the npm cache are preferred. */
export async function createConsumer(): Promise<Consumer> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'xstate-mesh-')));
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', NODE_OPTIONS: '' };
  const run = async (command: string, ...args: string[]): Promise<string> => {
    try {
      return (await exec(command, args, { cwd: folder, env, maxBuffer: 16 * 1024 * 1024 })).stdout;
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      throw new Error(`${command} ${args.join(' ')} failed.\n${stdout}${stderr}`, { cause: error });
    }
  };
  const write = (path: string, text: string): string => {
    const full = join(folder, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
    return full;
  };
  const pack = await run('npm', 'pack', ROOT, '--json', '--ignore-scripts', '--pack-destination', folder);
  const { filename, files } = onlyPackage(JSON.parse(pack));
  write('package.json', JSON.stringify({ name: 'consumer', version: '1.0.0', private: true, type: 'module' }));
  await run('npm', 'install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', `./${filename}`);
  return {
    folder,
    files: files.map(({ path }) => path),
    write,
    run,
    async typeErrors(options, names) {
      write(
        'tsconfig.json',
        JSON.stringify({ compilerOptions: { strict: true, noEmit: true, ...options }, files: names }),
      );
      const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
      const output = await run(process.execPath, tsc, '-p', 'tsconfig.json', '--pretty', 'false').catch(String);
      return output.split('\n').filter((line) => /^\S.*error TS/.test(line));
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/** npm prints a list, or since version 12 an object by name. */
function onlyPackage(value: unknown): Packed {
  const [first] = Object.values(value as Record<string, Packed>);
  if (first === undefined) throw new Error('npm pack told of no package');
  return first;
}

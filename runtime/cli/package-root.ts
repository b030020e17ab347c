/** Finds the package this file belongs to, in the sources as well as in `dist`. */
import { access, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NAME = 'xstate-mesh';

interface PackageRoot {
  readonly folder: string;
  readonly version: string;
}

/** The folder with this package's package.json. Throws when there is none above this file. */
export async function packageRoot(): Promise<PackageRoot> {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const found = await readPackage(folder);
    if (found !== undefined) return { folder, version: found };
    if (dirname(folder) === folder) throw new Error(`No package.json of ${NAME} above this file`);
  }
}

async function readPackage(folder: string): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(join(folder, 'package.json'), 'utf8');
  } catch {
    // No package.json here: the next folder up may have one.
    return undefined;
  }
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { name, version } = parsed as { name?: unknown; version?: unknown };
  return name === NAME && typeof version === 'string' ? version : undefined;
}

/** The folder of the built demo page; undefined when it was not built. */
export async function demoPageFolder(): Promise<string | undefined> {
  const folder = join((await packageRoot()).folder, 'dist', 'examples', 'browser-chat');
  try {
    await access(join(folder, 'index.html'));
    return folder;
  } catch {
    // Not built: the demo says so and runs without its page.
    return undefined;
  }
}

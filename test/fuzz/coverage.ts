/** Branches of a decoder that a run went through, as V8 counts them: blocks of code behind a condition, whole functions among them. */
import { type Profiler, Session } from 'node:inspector/promises';

export interface Coverage {
  readonly file: string;
  readonly branches: number;
  readonly covered: number;
}

/** Runs `work`, and tells of the files whose paths end so. */
export async function coverageOf<Result>(
  files: readonly string[],
  work: () => Result,
): Promise<{ readonly result: Result; readonly coverage: readonly Coverage[] }> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    const result = work();
    const taken = await session.post('Profiler.takePreciseCoverage');
    await session.post('Profiler.stopPreciseCoverage');
    return { result, coverage: files.map((file) => sumOf(file, taken.result)) };
  } finally {
    session.disconnect();
  }
}

function sumOf(file: string, scripts: readonly Profiler.ScriptCoverage[]): Coverage {
  let branches = 0;
  let covered = 0;
  for (const { url, functions } of scripts) {
    if (!url.endsWith(file)) continue;
    for (const { ranges } of functions) {
      branches += ranges.length;
      covered += ranges.filter(({ count }) => count > 0).length;
    }
  }
  return { file, branches, covered };
}

/**
 * Prints one plain line at the end, `N passed, N failed`, for scripts that read the result of a run. Files that could
 * not be loaded and errors outside of tests count as failures, so that a broken file is never a silent success.
 */
import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node';

export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[], reason: TestRunEndReason): void {
    let passed = 0;
    let failed = unhandled.length;
    for (const module of modules) {
      if (module.errors().length > 0) failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        else if (state === 'failed') failed += 1;
      }
    }
    // A run that ended before its tests, or ran none, is no success whatever was counted.
    if (failed === 0 && (reason !== 'passed' || passed === 0)) failed = 1;
    // The default reporter prints its closing lines in the same hook; ours are the last.
    process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  }
}

/** Goal: print the hash of one run, for a test that compares processes. */
import { runScenario } from '../../runtime/testing.ts';

const { figures } = runScenario({ scenario: 'churn', churn: 1, peers: 12, seed: 34, liveMs: 10_000, broadcasts: 10 });
process.stdout.write(`${figures.hash}\n`);

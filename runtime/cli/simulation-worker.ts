/** The thread of `simulate` and `replay`: runs the job it was started with, tells its progress and its outcome, and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Progress } from '../simulation/scenario.ts';
import { ThreadCourier } from './simulation-courier.ts';
import { runJob } from './simulation-job.ts';
import type { WorkerInput, WorkerNews } from './simulation-thread.ts';

// Started by simulation-thread.ts alone, which gives exactly this.
const { job, stop, courier } = workerData as WorkerInput;
const stopFlag = new Int32Array(stop);
const tell = (news: WorkerNews): void => parentPort?.postMessage(news);

const host = {
  progress: (progress: Progress) => tell({ type: 'progress', progress }),
  isStopped: () => Atomics.load(stopFlag, 0) !== 0,
};
const outcome = runJob(job, host, courier === undefined ? undefined : new ThreadCourier(courier));
// The others' figures are in those of the first.
tell({ type: 'outcome', outcome: courier === undefined || courier.part === 0 ? outcome : undefined });

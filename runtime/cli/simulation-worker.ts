/** The thread of `simulate` and `replay`: runs the job it was started with, tells its progress and its outcome, and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { runJob } from './simulation-job.ts';
import type { WorkerInput, WorkerNews } from './simulation-thread.ts';

// Started by simulation-thread.ts alone, which gives exactly this.
const { job, stop } = workerData as WorkerInput;
const stopFlag = new Int32Array(stop);
const tell = (news: WorkerNews): void => parentPort?.postMessage(news);

const outcome = runJob(job, {
  progress: (progress) => tell({ type: 'progress', progress }),
  isStopped: () => Atomics.load(stopFlag, 0) !== 0,
});
tell({ type: 'outcome', outcome });

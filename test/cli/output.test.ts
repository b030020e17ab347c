/** Goal: what a command says in one turn costs one write, in order, and is out when it says so. */
import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { createOutput } from '../../runtime/cli/output.ts';

/** Counts writes as the system would see them. */
class Pipe extends Writable {
  readonly writes: string[] = [];
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(String(chunk));
    done();
  }
  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.writes.push(chunks.map(({ chunk }) => String(chunk)).join(''));
    done();
  }
}

it('writes the lines of one turn together and those of the next one after them', async () => {
  const stdout = new Pipe();
  const output = createOutput({ stdout, stderr: new Pipe(), json: true, level: 'silent' });
  for (let n = 0; n < 100; n++) output.event({ event: 'told', n });
  expect(stdout.writes).toEqual([]);
  await output.flush();
  expect(stdout.writes).toHaveLength(1);
  output.event({ event: 'told', n: 100 });
  await output.flush();
  expect(stdout.writes).toHaveLength(2);
  const lines = stdout.writes.join('').trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { n: number }).n)).toEqual(Array.from({ length: 101 }, (_, n) => n));
});

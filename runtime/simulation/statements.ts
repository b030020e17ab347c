/** What the user of a simulation states about it: at every check, or when the run is finished. */
import type { Simulation } from './simulation.ts';
import type { Property } from './simulation-options.ts';

interface Statement {
  readonly name: string;
  readonly check: Property;
}

export class Statements {
  readonly always: Statement[] = [];
  readonly eventually: Statement[] = [];

  /** What does not hold becomes a violation. */
  check(when: 'always' | 'eventually', simulation: Simulation): void {
    for (const { name, check } of this[when]) {
      const wrong = check(simulation);
      if (wrong !== undefined) simulation.violate(name, wrong, []);
    }
  }
}

/** The besieged hub in a process of its own, with the limits it would have among strangers: loopback addresses count too. */
import { createHubActor } from '../../../hub/index.ts';
import { HUB_PER_IP_MAX } from '../../../machines/shared/limits.ts';

const hub = createHubActor({ port: 0, perIpMax: HUB_PER_IP_MAX });
const { url } = await hub.start().listening();
// What the hub itself spent does not depend on who else uses the machine.
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.((user + system) / 1_000);
});
process.on('disconnect', () => process.exit(0));
process.send?.(url);

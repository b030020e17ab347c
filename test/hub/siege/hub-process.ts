/** The besieged hub in a process of its own, with the limits it would have among strangers: loopback addresses count too. */
import { createHubActor } from '../../../hub/index.ts';
import { HUB_PER_IP_MAX } from '../../../machines/shared/limits.ts';
import { LoadMeter } from './own-load.ts';

const hub = createHubActor({ port: 0, perIpMax: HUB_PER_IP_MAX });
const { url } = await hub.start().listening();
const meter = new LoadMeter();
process.on('message', () => process.send?.(meter.read()));
process.on('disconnect', () => process.exit(0));
process.send?.(url);

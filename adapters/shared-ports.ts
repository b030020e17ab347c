/** Shares link ports between the meshes of a process: equal servers, one port. */
import type { LinkPort } from '../runtime/ports/link.ts';

/** Lists of servers remembered; beyond it a port is made and not shared. */
const SHARED_MAX = 16;

/** A factory of link ports, called once for each distinct list of servers. */
export function shareByServers(
  make: (iceServers: readonly RTCIceServer[]) => LinkPort,
): (options: { readonly iceServers?: readonly RTCIceServer[] }) => LinkPort {
  const ports = new Map<string, LinkPort>();
  return ({ iceServers = [] }) => {
    const key = JSON.stringify(iceServers);
    let port = ports.get(key);
    if (port === undefined) {
      port = make(iceServers);
      if (ports.size < SHARED_MAX) ports.set(key, port);
    }
    return port;
  };
}

/**
 * Loads @roamhq/wrtc for every port that uses it, and keeps its engine (libwebrtc's factory with its threads) while links
 * come and go. Owns that one thing per process.
 *
 * The engine goes with its last connection, and the next one starts another; what the old one held is given back only when
 * objects of closed connections are collected, which nothing hurries: 200 pairs, one after the other, left 260 threads and
 * 60 to 120 MB behind. A spare connection that is never used stands beside the others, and 200 pairs leave 5 MB. It is
 * closed some time after them, since it holds the process like they do. (A MediaStream would hold the engine and not the
 * process: that crashed at the end.)
 */
type Wrtc = typeof import('@roamhq/wrtc');
type Connection = InstanceType<Wrtc['RTCPeerConnection']>;

/** The engine outlives its last connection by this much: a link that is dialed afresh finds it. */
export const ENGINE_LINGER_MS = 300;

let loading: Promise<Wrtc> | undefined;

/** @roamhq/wrtc with a class of connections that keep the engine. A failure to load is tried again by the next call. */
export function loadRoamhqEngine(): Promise<Wrtc> {
  if (loading === undefined) {
    loading = import('@roamhq/wrtc').then(({ default: wrtc }) => withKeeper(wrtc));
    loading.catch(() => {
      loading = undefined;
    });
  }
  return loading;
}

function withKeeper(wrtc: Wrtc): Wrtc {
  const open = new Set<Connection>();
  let spare: Connection | undefined;
  let lingering: ReturnType<typeof setTimeout> | undefined;

  class KeepingConnection extends wrtc.RTCPeerConnection {
    constructor(...args: ConstructorParameters<Wrtc['RTCPeerConnection']>) {
      super(...args);
      clearTimeout(lingering);
      spare ??= new wrtc.RTCPeerConnection();
      open.add(this);
    }

    override close(): void {
      super.close();
      if (!open.delete(this) || open.size > 0) return;
      lingering = setTimeout(() => {
        spare?.close();
        spare = undefined;
      }, ENGINE_LINGER_MS);
      // The spare one holds the process until then, and nothing else needs to.
      lingering.unref();
    }
  }
  return { ...wrtc, RTCPeerConnection: KeepingConnection };
}

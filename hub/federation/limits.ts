/** Bounds and waits of hubs among each other, with their units and what they must hold between them. */
import { HUB_DRAIN_TIMEOUT_MS, RECONNECT_MAX_MS } from '../../machines/shared/limits.ts';

export const HUB_MESH_NAMESPACE = 'pigeonhub-mesh';
export const HUB_MESH_MIN_PEERS = 2;
export const HUB_MESH_MAX_PEERS = 3;
export const MESH_MIGRATION_DELAY_MS = 10_000;
export const BOOTSTRAP_HUBS_MAX = 64;
/** From opening a socket to another hub to both ends being proven. */
export const BOOTSTRAP_DIAL_TIMEOUT_MS = 5_000;
/** A hub that is talked with peer-to-peer alone, and had to be dialed at first, is asked for in this interval. Guess. */
export const BOOTSTRAP_LOOK_MS = 1_000;
/** Looking after the ways to other hubs: what is due again, who fell silent. Guess; below a tenth of HUB_LOST_MS. */
export const FEDERATION_TICK_MS = 200;
/** A way that was silent for so long is asked; for so long, it is over. */
export const TRUNK_PING_MS = 2_000;
export const TRUNK_SILENT_MS = 6_000;
/** What may wait to be sent to one hub, in bytes; a hub that reads slower is cut and dialed again. */
export const TRUNK_BUFFER_BYTES = 16_777_216;
/** The least `maxPayload` of a hub that takes part: whatever one hub lets in, the others can read. */
export const TRUNK_FRAME_BYTES_MAX = 262_144;
/** One signal between hubs, in bytes of JSON; hubs batch items up to TRUNK_BATCH_BYTES or TRUNK_BATCH_ITEMS a frame. */
export const TRUNK_ITEM_BYTES_MAX = 131_072;
export const TRUNK_BATCH_BYTES = 49_152;
export const TRUNK_BATCH_ITEMS = 64;
/** A hub tells again with whom it is linked. Guess. */
export const ADVERT_REFRESH_MS = 10_000;
/** Hubs that one frame crosses at most. */
export const TRUNK_HOPS_MAX = 16;
/** Items for one hub that are on their way and not confirmed; and those that wait behind them. Beyond: RATE_LIMITED. */
export const STREAM_WINDOW_ITEMS = 1_024;
export const STREAM_QUEUE_ITEMS = 65_536;
export const STREAM_QUEUE_BYTES = 33_554_432;
/** Items received after which a confirmation goes out at once; else with the next tick. */
export const STREAM_ACK_ITEMS = 32;
/** First wait for a confirmation, doubled up to the second. */
export const STREAM_RESEND_MS = 1_000;
export const STREAM_RESEND_MAX_MS = 4_000;
/** A hub that cannot be reached for so long is gone: its peers with it, and what was for them is refused. */
export const HUB_LOST_MS = 15_000;
/** A direct message over the mesh of hubs without a receipt for so long: that way is over. */
export const MESH_DIRECT_TIMEOUT_MS = 2_000;
/** Directs under way to one hub; what comes meanwhile goes together in the next one. Guess. */
export const MESH_DIRECTS_MAX = 8;
/** Between two questions to a hub that no way over the mesh leads to yet. */
export const MESH_PROBE_MS = 1_000;
/** For so long a hub that fell back stays with sockets at least. */
export const FALL_BACK_MS = 5_000;
/** A hub that drains looks so often whether others confirmed all that it told them, and waits for it so long at most. */
export const HUB_FAREWELL_STEP_MS = 50;
export const HUB_FAREWELL_MAX_MS = 1_500;
/** Addresses that were learnt from other hubs and are dialed beside the given ones. */
export const LEARNT_HUBS_MAX = 8;
/** Sockets to other hubs that a hub wants at least, if there are so many hubs: one of them may die. */
export const HUB_SOCKETS_MIN = 2;
/** Places of peers that one other hub may tell of. Guess; ten times what one hub is made for. */
export const REMOTE_PEERS_MAX = 100_000;
/** Hubs that one hub knows of at most. */
export const HUBS_KNOWN_MAX = 256;

/** Relations that must hold between the values above; a test asserts each. */
export const FEDERATION_RELATIONS: readonly (readonly [claim: string, holds: boolean])[] = [
  [
    'a batch and the largest item beside it fit a frame between hubs',
    TRUNK_BATCH_BYTES + TRUNK_ITEM_BYTES_MAX + 4_096 <= TRUNK_FRAME_BYTES_MAX,
  ],
  ['a silent way between hubs is given up before the hub behind it', TRUNK_SILENT_MS + RECONNECT_MAX_MS < HUB_LOST_MS],
  ['what is confirmed with a tick is not sent again', 2 * FEDERATION_TICK_MS < STREAM_RESEND_MS],
  ['a lost last word is sent again before a draining hub gives it up', HUB_FAREWELL_MAX_MS > STREAM_RESEND_MS],
  ['a farewell ends before the sockets are cut', HUB_FAREWELL_MAX_MS < HUB_DRAIN_TIMEOUT_MS],
  ['a confirmation comes before the window is used up', STREAM_ACK_ITEMS * 4 <= STREAM_WINDOW_ITEMS],
];

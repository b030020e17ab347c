/**
 * Every bound and default of the product, with unit, source and relation to the others. A value marked "Guess" says what
 * would settle it. Values marked * are defaults that an option can change.
 */

// ---- ids and links -------------------------------------------------------------------------------------------------
/** * Links a peer keeps. Architecture of the topology; prototyped from 2 up. */
export const MAX_PEERS_DEFAULT = 8;
export const MAX_PEERS_MIN = 2;
export const MAX_PEERS_MAX = 50;
/** Links that may stand for the length of one hand-over beyond the cap. */
export const LINKS_OVER_CAP = 1;
/** Dials a peer has in flight. Settled in the simulator: two take 70 % longer to the target, five cost a sixth more signals. */
export const DIALS_IN_FLIGHT_MAX = 3;
/** Alternatives that a refusal names. */
export const ALTERNATIVES_MAX = 4;
/** Peers that are known and not linked. */
export const KNOWN_PEERS_MAX = 64;
/** Peer actors in `backingOff`, which hold no slot. */
export const BACKING_OFF_MAX = 64;
/** Failed dials in a row after which a peer is given up until it is announced afresh. */
export const FAILED_DIALS_MAX = 5;

// ---- waits, ms -----------------------------------------------------------------------------------------------------
/** * */
export const JOIN_TIMEOUT_MS = 30_000;
/** * From the first signal to an open channel. */
export const DIAL_TIMEOUT_MS = 10_000;
/** From the open channel to the other side's HELLO. Guess: three slow round trips. */
export const HANDSHAKE_TIMEOUT_MS = 3_000;
/**
 * From HELLO to a proof that holds. It was signed while the connection was made, so that it comes right behind HELLO; a
 * signer that asks somebody (a hardware key) may take longer, but not as long as it likes: the slot is taken meanwhile.
 */
export const PROOF_TIMEOUT_MS = 3_000;
/** A slot kept for a peer that was told to dial: it may need a whole dial. */
export const RESERVATION_TIMEOUT_MS = DIAL_TIMEOUT_MS + 2_000;
/** From LOCK to LOCKED: two slow round trips. The simulator shows no difference between 1 and 4 s. */
export const LOCK_TIMEOUT_MS = 2_000;
/** A closing link may flush this long before it is cut. */
export const DRAIN_TIMEOUT_MS = 1_000;
/** Longest graceful leave: it outlasts a drain. */
export const LEAVE_TIMEOUT_MS = 2_000;
/** * */
export const DIRECT_TIMEOUT_MS = 5_000;
/** Hub reconnect: doubled with full jitter. Clients must be back within 10 s of a hub's restart, which forbids 30 s. */
export const RECONNECT_MIN_MS = 500;
export const RECONNECT_MAX_MS = 5_000;
/** Other hubs that a draining hub may send its clients to, and characters of each URL. What is beyond is not looked at. */
export const HUBS_NAMED_MAX = 8;
export const HUB_URL_CHARS_MAX = 256;
/** From the socket's start to the hub's `connected`. */
export const HUB_CONNECT_TIMEOUT_MS = 10_000;
/** The same at a hub that a draining one named, while others are left to try. Guess. */
export const HUB_MOVE_TIMEOUT_MS = 3_000;
/** From `prove` to `proven`. */
export const HUB_PROOF_TIMEOUT_MS = 5_000;
/** A ping to the hub when nothing was heard for this long; twice without an answer: the socket is dead. */
export const HUB_PING_MS = 15_000;
/** Back-off per remote: doubled from the first to the last. */
export const PEER_BACKOFF_MIN_MS = 2_500;
export const PEER_BACKOFF_MAX_MS = 300_000;
/** A link that lived this long wipes the back-off of its remote. */
export const PEER_PROVEN_MS = 10_000;
/** Discovery cycle: how long answers are collected, and the rests by need (±20 %). Settled in the simulator, see docs/simulator.md. */
export const DISCOVERY_COLLECT_MS = 1_000;
export const DISCOVERY_REST_BELOW_FLOOR_MS = 1_000;
export const DISCOVERY_REST_BELOW_TARGET_MS = 2_000;
export const DISCOVERY_REST_MS = 30_000;
/**
 * Without link and attempt for so long a peer is alone, and a guest elsewhere if it may. It outlasts the first back-off, so
 * that everybody was tried twice. Guess: users of a small network would settle it.
 */
export const FALLBACK_AFTER_MS = 5_000;
/** A guest tries those of its own network again that it could not reach before. */
export const FALLBACK_RETRY_MS = 300_000;
/**
 * Liveness: one sweep a mesh over what was heard last. PING after silence of our own. An honest neighbour is heard each
 * PING_AFTER_MS + SWEEP_MS at least, so that a longer silence is suspicious, and pinged at once. Silent for
 * SILENT_AFTER_MS it no longer counts as a link: a neighbour that died is declared so within 5 s.
 */
export const SWEEP_MS = 1_000;
export const PING_AFTER_MS = 1_500;
export const SUSPECT_AFTER_MS = 3_000;
export const SILENT_AFTER_MS = 4_500;
/**
 * What arrives so soon after a change of our network, or after we were away, may have waited in the system since before: it
 * tells nothing of the link but an answer to a later PING does. Guess: a busy machine hands such frames on within this time.
 */
export const STALE_MS = 500;
/** Our network changed: a link has this long to answer a PING before it counts as silent. Guess: some slow round trips. */
export const SHAKEN_ANSWER_MS = 1_500;
/** How often it is looked whether we ran, and which addresses we have; and how late that look is when we did not run. */
export const ENVIRONMENT_BEAT_MS = 1_000;
export const AWAY_AFTER_MS = 4_000;
/** A suspect link that nobody judged: the sweep does it sooner. */
export const SUSPECT_TIMEOUT_MS = 10_000;
/**
 * How long a silent link may try to come back, from the suspicion on, before it is given up. It outlasts a network that is
 * gone for 10 s and the 5 s in which the link must be in use again then.
 */
export const RESUME_WINDOW_MS = 16_000;
/** One restart of ICE, from its offer to a frame; and how many there are before the link is dialed afresh. Guess. */
export const RESTART_TIMEOUT_MS = 2_500;
export const RESTARTS_MAX = 2;
/** ICE has a path again: the channel has this long to carry a frame. A fresh one takes about as long. */
export const LISTEN_TIMEOUT_MS = 750;
/** The end that does not begin waits this long for the other before it takes over. Guess: the other one's silence began up to a heartbeat later. */
export const TAKEOVER_MS = 2_000;
/** One fresh dial of a silent link. Short, since checks of a path slow down while it is closed. */
export const REDIAL_TIMEOUT_MS = 4_000;
/** Pause between tries, doubled from the first to the last, ±20 %: the ends of many links may fall silent at once. */
export const RETRY_MIN_MS = 250;
export const RETRY_MAX_MS = 2_000;
/**
 * Messages that a link keeps until the other end has them, so that another channel can go on with it: as much as a link
 * may have under way. Each costs 64 bytes on top. A link that keeps more takes no further ones for now.
 */
export const KEPT_BYTES_MAX = 4_194_304;
/** What came is acknowledged with the next PING or PONG, or at once beyond this much. */
export const ACK_AFTER_BYTES = 524_288;
export const ACK_AFTER_MESSAGES = 512;
/** Older word that a peer has room counts only where nobody has newer: room is taken within seconds. */
export const ROOM_FRESH_MS = 20_000;
/** NEIGHBOURS is sent on change, at most this often. */
export const NEIGHBOURS_MIN_INTERVAL_MS = 1_000;
/** Operations a peer starts / accepts: 1 per 2 s, 4 per 10 s. Settled in the simulator, see docs/simulator.md. */
export const OPERATION_START_INTERVAL_MS = 2_000;
export const OPERATIONS_ACCEPTED_MAX = 4;
/** Of these, for one neighbour: nobody uses the others' share up. */
export const OPERATIONS_PER_NEIGHBOUR_MAX = 2;
export const OPERATIONS_ACCEPTED_WINDOW_MS = 10_000;

/** Failed hand-overs in a row after which a link is closed plainly (rule 7). */
export const HANDOVER_FAILURES_MAX = 3;
/** The owner of a beacon raises it this often; one that did not rise for the second time is stale. */
export const BEACON_INTERVAL_MS = 5_000;
export const BEACON_STALE_MS = 20_000;
/** A beacon that changed is passed on at once, but not within this time of the last one; then the next sweep does it. */
export const BEACON_TOLD_MIN_MS = 500;
/**
 * A number further ahead of our clock, in ms, is no honest one: it starts at 0 or at its owner's clock and rises by one in
 * BEACON_INTERVAL_MS. Guess: clocks are off by less than a day.
 */
export const BEACON_AHEAD_MAX = 86_400_000;
/** A beacon that came over more links says no more of them. */
export const BEACON_HOPS_MAX = 65_535;
/** Stale beacons remembered, so that their echoes are not taken for fresh. */
export const BEACON_GRAVES_MAX = 16;
/** Probes of another component, and links admitted over the cap for one. */
export const ISLAND_PROBE_INTERVAL_MS = 30_000;
/** The two ends of a circle that was opened for an island do not close it again within this time. Guess: islands meet meanwhile. */
export const PARTED_MS = 60_000;
/** The first probe after joining. Guess: joining is over, beacons have settled. */
export const ISLAND_FIRST_PROBE_MS = 10_000;
export const ISLAND_ADMIT_INTERVAL_MS = 60_000;
/** Peers told in one shuffle of the passive view: HyParView's 3 active and 4 passive ids, and oneself. */
export const SHUFFLE_MAX = 8;

// ---- wire ----------------------------------------------------------------------------------------------------------
export const WIRE_VERSION = 1;
/** Data-channel messages above 16 KiB are not portable between browsers. */
export const FRAME_BYTES_MAX = 16_384;
/** Application data in one envelope: it and its header stay within a frame. */
export const PAYLOAD_BYTES_MAX = 15_360;
/** Application data in one message. What does not fit one envelope travels in parts. */
export const MESSAGE_BYTES_MAX = 2_097_152;
export const PARTS_MAX = Math.ceil(MESSAGE_BYTES_MAX / PAYLOAD_BYTES_MAX);
/**
 * Parts that wait for the rest of their message: of one source, brought by one neighbour (which can claim any source), and
 * in all. Messages that wait, and how long, from their last part on. Guess: links that carry a part each 10 s are no use.
 */
export const JOINING_BYTES_MAX_A_SOURCE = 2 * MESSAGE_BYTES_MAX;
export const JOINING_BYTES_MAX_A_LINK = 4 * MESSAGE_BYTES_MAX;
export const JOINING_BYTES_MAX = 8 * MESSAGE_BYTES_MAX;
export const JOINING_MESSAGES_MAX = 64;
export const JOINING_TIMEOUT_MS = 10_000;
export const MESSAGES_PER_FRAME_MAX = 256;
/** Neighbours in a NEIGHBOURS message: a full set of links, one of them over the cap. */
export const NEIGHBOURS_MAX = MAX_PEERS_MAX + LINKS_OVER_CAP;
export const NETWORK_NAME_MAX = 64;
export const TOPIC_NAME_MAX = 128;
export const REASON_MAX = 128;
export const FEATURES_MAX = 16;
export const FEATURE_NAME_MAX = 32;
/** A whole HELLO on the wire: long feature names must leave room for each other. */
export const HELLO_BYTES_MAX = 512;
/** An encoded envelope: version, type, hops and headers of GOSSIP fit into the rest of a frame. */
export const ENVELOPE_BYTES_MAX = FRAME_BYTES_MAX - 64;
/** An envelope without network, topic and payload: ids, numbers in their longest form, the places of a part and in a stream, key and signature, headers. */
export const ENVELOPE_FIXED_BYTES_MAX = 288;
/** Longest life of a message that an envelope can carry: 2^32 - 1, about 50 days. */
export const TTL_LIMIT_MS = 4_294_967_295;
/** Arrays and objects in each other in an application's data. */
export const PAYLOAD_DEPTH_MAX = 64;
export const SDP_CHARS_MAX = 65_536;
/** Random bytes that each end adds to what both sign: no two of them are ever the same. */
export const NONCE_BYTES = 16;
/** Send buffer of a link: between these marks a channel runs at full speed. Above high it is congested. */
export const LINK_BUFFER_LOW_BYTES = 262_144;
export const LINK_BUFFER_HIGH_BYTES = 1_048_576;
/** Messages held back for a congested link. Beyond it they are dropped and counted. */
export const LINK_QUEUE_BYTES_MAX = 4_194_304;
/** Frames that came before their link was admitted by its chart. */
export const EARLY_FRAMES_MAX = 64;
/** Descriptions and candidates that one link takes in; more are dropped. Guess: browsers give out 5 to 30, with many interfaces and TURN servers about 100. */
export const LINK_SIGNALS_MAX = 256;
/** Characters of one ICE candidate. Guess: real ones stay below 300. */
export const CANDIDATE_CHARS_MAX = 1_024;
/** Commands kept for a hub whose socket is not open yet. */
export const SIGNALING_QUEUE_MAX = 64;

/**
 * What is owed to peers whose links ended without a goodbye waits this long for them, from when they were last heard: a laptop
 * that is opened again, a process that was stopped. Shorter than duplicates are known.
 */
export const AWAY_MS = 120_000;
/** As many as a mesh of usual size may lose at once; beyond them the first is given up. */
export const AWAY_PEERS_MAX = 8;

// ---- signals through the mesh ----------------------------------------------------------------------------------------
/** Links that a relayed signal crosses at most; greedy routing by XOR takes about half as many as a bucket each would. */
export const RELAY_HOPS_MAX = 16;
/** One relayed signal. Descriptions of a data channel have 500 to 3,000 characters. */
export const RELAY_BYTES_MAX = 12_288;
/** Signals that one neighbour may have us relay in MISBEHAVIOUR_WINDOW_MS. A link takes about eight, a join about ten links. */
export const RELAYS_MAX = 256;
/** Ways on which others were heard or of which neighbours told; the oldest are forgotten. */
export const ROUTES_MAX = 512;
export const ROUTE_MS = 60_000;
/** Signals under way that are known again, so that none runs in a circle. */
export const RELAYS_SEEN_MAX = 512;
/** First hops that the sender of a signal tries, one after the other. */
export const RELAY_TRIES_MAX = 3;
/** With so many links a peer prefers the mesh to a hub for what the mesh can carry. */
export const RELAY_FROM_LINKS = 3;

// ---- invitations -----------------------------------------------------------------------------------------------------
/** * How long an invitation, and each text that follows it, may be handed over. */
export const INVITATION_LIFETIME_MS = 600_000;
export const INVITATION_LIFETIME_MAX_MS = 604_800_000;
/** * Signals are put into one text once none came for this long, and after the longer time in any case. Guess: STUN answers are in by then. */
export const INVITATION_GATHER_MS = 500;
export const INVITATION_GATHER_MAX_MS = 5_000;
/** Characters of one text. A real offer with its candidates takes 2,000 to 4,000. */
export const INVITATION_CHARS_MAX = 65_536;
/** Hubs that an invitation names, and characters of their URLs. */
export const INVITATION_HUBS_MAX = 4;
export const INVITATION_HUB_CHARS_MAX = 256;
/** Invitations out at one time, peers that one port deals with, and texts of one peer remembered so that none counts twice. */
export const INVITATIONS_MAX = 64;
export const INVITATION_TEXTS_MAX = 64;
/** Peers that one invitation lets in. */
export const INVITATION_USES_MAX = 64;

// ---- gossip --------------------------------------------------------------------------------------------------------
/**
 * Hop limit of a broadcast. The family's habit is 10, which bounds a flood; on trees nothing multiplies, and the way along one
 * is longer than the shortest. A small cap makes long meshes.
 */
export const HOPS_MAX_DEFAULT = 32;
export const HOPS_MAX_SMALL_CAP = 64;
/** Below this cap the larger hop limit is the default. */
export const SMALL_CAP = 5;
export const HOPS_LIMIT = 255;
/** * Life of a message; past it nobody delivers or relays it. */
export const MESSAGE_TTL_MS = 120_000;
/** Ids remembered against duplicates: whichever is reached first. */
export const SEEN_MS = 135_000;
export const SEEN_MAX = 10_000;
/** Messages in one `inbox` event. */
export const INBOX_MAX = 64;
/** Directs that await their receipt. */
export const PENDING_DIRECTS_MAX = 1_024;
/** Messages of one kind of error that a neighbour may cause in a window before its link is muted. */
export const MISBEHAVIOUR_MAX = 32;
export const MISBEHAVIOUR_WINDOW_MS = 10_000;
export const MUTE_MS = 30_000;
/**
 * Control messages (all but HELLO, CLOSE, GOSSIP and RECEIPT) heard of one neighbour in MISBEHAVIOUR_WINDOW_MS; more are
 * dropped. Each costs a chart some tens of microseconds, and some are answered. Honest ones stay below 60: PING, PONG,
 * NEIGHBOURS and SHUFFLE come at most once a second, BEACON once in BEACON_TOLD_MIN_MS.
 */
export const CONTROL_MESSAGES_MAX = 128;
/** A link whose buffer holds more, in bytes, gets no control messages: its reader asks and does not read. */
export const CONTROL_BUFFER_MAX_BYTES = 2 * LINK_BUFFER_HIGH_BYTES;

// ---- hub -----------------------------------------------------------------------------------------------------------
export const HUB_PORT = 3_000;
export const HUB_MAX_CONNECTIONS = 1_000;
export const HUB_PEER_TIMEOUT_MS = 300_000;
export const HUB_CLEANUP_INTERVAL_MS = 30_000;
export const HUB_MAX_MESSAGE_BYTES = 65_536;
/** `maxPayload` of the socket: between one and four times the limit a frame is refused and the socket stays. */
export const HUB_PAYLOAD_FACTOR = 4;
export const HUB_PER_IP_MAX = 64;
/** TCP connections of one address beyond those that sockets may be: plain requests, and such as are not whole yet. Guess. */
export const HUB_PLAIN_PER_IP_MAX = 64;
export const HUB_RATE_LIMIT = 500;
export const HUB_RATE_WINDOW_MS = 10_000;
/** Windows above the rate limit after which the socket is closed. */
export const HUB_RATE_WINDOWS_MAX = 3;
export const HUB_SEND_BUFFER_BYTES = 1_048_576;
export const HUB_ANNOUNCE_TIMEOUT_MS = 30_000;
export const HUB_NETWORKS_PER_PEER_MAX = 2;
export const HUB_SAMPLE_NEAR = 10;
export const HUB_SAMPLE_RANDOM = 10;
export const HUB_RESUME_TTL_MS = 300_000;
export const HUB_ANNOUNCE_DATA_BYTES_MAX = 4_096;
/** Pings without a pong after which a socket counts as gone. */
export const HUB_MISSED_PINGS_MAX = 2;
/** Frames in one rate window, in multiples of the limit, that end a socket at once: a flood must not hold the process. Guess. */
export const HUB_RATE_FLOOD_FACTOR = 3;
/** RATE_LIMITED is said at most this often to one socket. */
export const HUB_RATE_NOTICE_MS = 1_000;
/** Proofs or resume tokens one socket may fail: a check costs 0.1 ms. */
export const HUB_PROOF_FAILURES_MAX = 3;
/** Resume tokens kept, the oldest dropped first: losing one costs its owner a signature. */
export const HUB_RESUME_MAX = 10_000;
/** Peers remembered as told of one peer, so that they hear of its end; the oldest are forgotten. */
export const HUB_AUDIENCE_MAX = 256;
/** Peers in one frame that tells of several; a client of ours reads no more of them. */
export const HUB_PEERS_LISTED_MAX = HUB_SAMPLE_NEAR + HUB_SAMPLE_RANDOM;
/** What a peer is to be told of others waits this long at most, for more of the same. Guess: short beside what a link takes. */
export const HUB_NEWS_WAIT_MS = 200;
/** Bytes a second that a hub reads from one address; twice as many at once. Guess: 64 peers that join send 2 MiB. */
export const HUB_PER_IP_BYTES = 1_048_576;
/** From a close frame to cutting the socket. A reader that was too slow gets the shorter one. */
export const HUB_CLOSE_TIMEOUT_MS = 2_000;
export const HUB_SLOW_TIMEOUT_MS = 1_000;
/** From the call to a bound port; from the order to drain to cutting what is left. */
export const HUB_START_TIMEOUT_MS = 10_000;
export const HUB_DRAIN_TIMEOUT_MS = 3_000;
/** Sockets that are being told why they are refused, at one time; beyond it a bare HTTP 503. */
export const HUB_REFUSALS_MAX = 256;
/** Sessions under one supervisor (spawning is quadratic in siblings), and supervisors at most. */
export const HUB_SESSIONS_PER_SHARD = 64;
export const HUB_SHARDS_MAX = 64;
/** Sockets opened under one id from one address in a rate window; 0 = no limit. A client comes back after 0.5 s at the soonest. Guess. */
export const HUB_PER_ID_RATE = 30;
/** Ids whose openings are counted. */
export const HUB_ID_OPENS_KEPT = 100_000;
/** A ticket that stands for the token is good for so long, and once; so many are out at most. */
export const TICKET_TTL_MS = 60_000;
export const TICKETS_MAX = 10_000;
/** A hub counts as unwell when its event loop is so late (99th percentile), its heap so full in percent, or so many of its actors failed in a minute. Guess. */
export const HEALTH_LOOP_DELAY_MAX_MS = 2_000;
export const HEALTH_HEAP_PERCENT_MAX = 95;
export const HEALTH_FAILURES_MAX = 10;
/** What a refused client is asked to wait: its own first back-off. */
export const HUB_RETRY_AFTER_MS = 5_000;

/** Relations that must hold between the values above; a test asserts each. */
export const LIMIT_RELATIONS: readonly (readonly [claim: string, holds: boolean])[] = [
  ['a payload and its envelope fit a frame', PAYLOAD_BYTES_MAX + 512 <= FRAME_BYTES_MAX],
  [
    'the largest payload fits an envelope with the longest names, at 3 bytes a UTF-16 unit',
    PAYLOAD_BYTES_MAX + 3 * (NETWORK_NAME_MAX + TOPIC_NAME_MAX) + ENVELOPE_FIXED_BYTES_MAX <= ENVELOPE_BYTES_MAX,
  ],
  ['the largest message fits the queue of a full link', MESSAGE_BYTES_MAX + PARTS_MAX * 1_024 <= LINK_QUEUE_BYTES_MAX],
  ['a reservation outlasts a dial', RESERVATION_TIMEOUT_MS > DIAL_TIMEOUT_MS],
  ['a handshake and a proof are shorter than a dial', HANDSHAKE_TIMEOUT_MS + PROOF_TIMEOUT_MS < DIAL_TIMEOUT_MS],
  ['a leave outlasts a drain', LEAVE_TIMEOUT_MS > DRAIN_TIMEOUT_MS],
  ['a peer is pinged before it is suspected', PING_AFTER_MS + SWEEP_MS < SUSPECT_AFTER_MS],
  ['a suspect has time to answer before it counts as silent', SUSPECT_AFTER_MS + SWEEP_MS + 500 <= SILENT_AFTER_MS],
  ['a death is declared within 5 s', SILENT_AFTER_MS + 500 <= 5_000],
  ['an event loop that is busy for some seconds is no sleep', AWAY_AFTER_MS >= 3 * ENVIRONMENT_BEAT_MS],
  ['an answer after a change is awaited longer than old frames come', STALE_MS < SHAKEN_ANSWER_MS],
  ['whoever is asked after a change is judged sooner than by silence', SHAKEN_ANSWER_MS < SILENT_AFTER_MS],
  ['the sweep judges a suspect before its chart does', SUSPECT_AFTER_MS + SUSPECT_TIMEOUT_MS > SILENT_AFTER_MS],
  ['whom a peer backed off from is tried again before it calls itself alone', FALLBACK_AFTER_MS > PEER_BACKOFF_MIN_MS],
  ['a link outlasts 10 s without a network, and 5 s more', SUSPECT_AFTER_MS + RESUME_WINDOW_MS >= 10_000 + 5_000],
  [
    'all restarts, a take-over and a redial fit into the window',
    TAKEOVER_MS + RESTARTS_MAX * RESTART_TIMEOUT_MS + RETRY_MAX_MS + REDIAL_TIMEOUT_MS < RESUME_WINDOW_MS,
  ],
  ['a restart that found its path is not waited for as one that did not', LISTEN_TIMEOUT_MS < RESTART_TIMEOUT_MS],
  ['a link keeps what may be under way', KEPT_BYTES_MAX >= 2 * LINK_BUFFER_HIGH_BYTES + ACK_AFTER_BYTES],
  ['low water is below high water', LINK_BUFFER_LOW_BYTES < LINK_BUFFER_HIGH_BYTES],
  ['a beacon may miss two raises before it is stale', BEACON_STALE_MS > 3 * BEACON_INTERVAL_MS],
  ['what comes late to a peer that was away is known to it', SEEN_MS >= AWAY_MS + SILENT_AFTER_MS + PING_AFTER_MS],
  ['messages are remembered as long as they live', SEEN_MS >= MESSAGE_TTL_MS],
  ['clients are back within 10 s of a hub restart', RECONNECT_MAX_MS * 2 <= 10_000],
  [
    'a named hub that does not answer leaves time for the next',
    HUB_MOVE_TIMEOUT_MS * 2 + RECONNECT_MIN_MS * 2 <= 10_000,
  ],
  ['an SDP fits a hub frame', SDP_CHARS_MAX <= HUB_MAX_MESSAGE_BYTES],
  [
    'a list of peers fits what a client reads, also with ads that another hub has written',
    HUB_PEERS_LISTED_MAX * 2 * HUB_ANNOUNCE_DATA_BYTES_MAX + 1_024 <= HUB_MAX_MESSAGE_BYTES * HUB_PAYLOAD_FACTOR,
  ],
  [
    'the largest frame that is refused by name fits the budget of its address',
    HUB_PER_IP_BYTES >= 4 * HUB_MAX_MESSAGE_BYTES,
  ],
  ['a slow reader is cut before a polite one', HUB_SLOW_TIMEOUT_MS < HUB_CLOSE_TIMEOUT_MS],
  ['a drain outlasts a close', HUB_DRAIN_TIMEOUT_MS > HUB_CLOSE_TIMEOUT_MS],
  ['a refused client is back within 10 s', HUB_RETRY_AFTER_MS < 10_000],
];

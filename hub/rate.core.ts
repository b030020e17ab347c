/**
 * How much one socket may say. Fixed windows: cheap enough to be asked for each frame, before it is decoded.
 */
import {
  HUB_RATE_FLOOD_FACTOR,
  HUB_RATE_NOTICE_MS,
  HUB_RATE_WINDOW_MS,
  HUB_RATE_WINDOWS_MAX,
} from '../machines/shared/limits.ts';

/** Mutable: one lives in each session for as long as it does. */
export interface RateState {
  windowStartMs: number;
  frames: number;
  /** Windows above the limit in a row, the current one included. */
  exceeded: number;
  noticedMs: number;
}

/** `drop` says nothing, `notice` drops and tells the client, `close` ends the session. */
export type RateVerdict = 'pass' | 'drop' | 'notice' | 'close';

export const newRate = (nowMs: number): RateState => ({
  windowStartMs: nowMs,
  frames: 0,
  exceeded: 0,
  noticedMs: Number.NEGATIVE_INFINITY,
});

/** Charges one frame. `limit` is frames in HUB_RATE_WINDOW_MS; 0 = none. */
export function charge(rate: RateState, nowMs: number, limit: number): RateVerdict {
  if (limit === 0) return 'pass';
  if (nowMs - rate.windowStartMs >= HUB_RATE_WINDOW_MS) startWindow(rate, nowMs, limit);
  rate.frames++;
  if (rate.frames <= limit) return 'pass';
  if (rate.frames === limit + 1) rate.exceeded++;
  if (rate.exceeded >= HUB_RATE_WINDOWS_MAX || rate.frames > limit * HUB_RATE_FLOOD_FACTOR) return 'close';
  if (nowMs - rate.noticedMs < HUB_RATE_NOTICE_MS) return 'drop';
  rate.noticedMs = nowMs;
  return 'notice';
}

function startWindow(rate: RateState, nowMs: number, limit: number): void {
  const isNext = nowMs - rate.windowStartMs < 2 * HUB_RATE_WINDOW_MS;
  if (rate.frames <= limit || !isNext) rate.exceeded = 0;
  rate.windowStartMs = nowMs;
  rate.frames = 0;
}

/** Until the window ends, in ms. */
export const retryAfter = (rate: RateState, nowMs: number): number =>
  Math.max(0, Math.ceil(rate.windowStartMs + HUB_RATE_WINDOW_MS - nowMs));

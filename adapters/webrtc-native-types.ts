/**
 * The part of the standard RTCPeerConnection that native links use, so that a browser's own, @roamhq/wrtc and
 * node-datachannel's can all be passed in, and what differs between them.
 */
import type { LinkCapabilities } from '../runtime/ports/link.ts';

/** The part of RTCDataChannel that is used. */
export interface NativeChannel {
  binaryType: string;
  readonly readyState: string;
  readonly bufferedAmount: number;
  bufferedAmountLowThreshold?: number;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(): void;
  addEventListener(type: string, listener: (event: { readonly data?: unknown }) => void): void;
  removeEventListener(type: string, listener: (event: { readonly data?: unknown }) => void): void;
}

export interface NativeDescription {
  readonly type: string;
  readonly sdp?: string;
}

/** The part of RTCPeerConnection that is used. */
export interface NativeConnection {
  readonly signalingState: string;
  readonly iceConnectionState: string;
  readonly connectionState: string;
  createDataChannel(label: string, options: { negotiated: boolean; id: number }): NativeChannel;
  createOffer(options?: { iceRestart?: boolean }): Promise<NativeDescription>;
  createAnswer(): Promise<NativeDescription>;
  setLocalDescription(description: NativeDescription): Promise<unknown>;
  setRemoteDescription(description: { type: 'offer' | 'answer'; sdp: string }): Promise<unknown>;
  addIceCandidate(candidate: RTCIceCandidateInit): Promise<unknown>;
  close(): void;
  addEventListener(type: string, listener: (event: NativeEvent) => void): void;
  removeEventListener(type: string, listener: (event: NativeEvent) => void): void;
}

/** An event of a connection; only `icecandidate` carries something. */
export interface NativeEvent {
  readonly candidate?: RTCIceCandidateInit | null;
}

export type NativeConnectionClass = new (config: Record<string, unknown>) => NativeConnection;

/** A WebRTC implementation, as a loader brings it. */
export interface NativeParts {
  readonly RTCPeerConnection: NativeConnectionClass;
}

/** What differs between implementations. */
export interface NativeTraits {
  readonly capabilities: LinkCapabilities;
  /**
   * Lets the offering end speak first in DTLS. libdatachannel drops what comes before its own ICE is ready and resends after
   * a second: 14 of 60 connections took that second when the answering end spoke first, 1 of 60 this way.
   */
  readonly offererSpeaksFirst?: boolean;
  /**
   * How long a description waits for candidates, ms: those that are there by then travel in it and not one by one. For engines
   * that know their own addresses at once.
   */
  readonly gathersWithinMs?: number;
  /**
   * A state's event may come before the state can be read, and nothing follows it. @roamhq/wrtc fires its events with
   * libwebrtc's older states and reads the standard ones, which another task sets: under load one restart in ten never told
   * that it was back.
   */
  readonly statesLag?: boolean;
}

// What an upstream server may take of the broker, with one line of why.

/** A line of a child's output, an HTTP body: the largest result a tool may have, twice, for its JSON escapes. */
export const MAX_FRAME_BYTES = 32 * 1_048_576;
/** Values of a frame: in no more than a second it is read, whatever it is made of. */
export const MAX_FRAME_VALUES = 500_000;
/** Arrays and objects inside one another: what the broker itself takes from agents, and the envelope around it. */
export const MAX_FRAME_DEPTH = 72;
/** Messages nobody asked for (notifications, requests, noise) that a connection may send at once, and then each second. */
export const UNASKED_BURST = 500;
export const UNASKED_PER_S = 100;
/** Bytes of them, likewise. */
export const UNASKED_BURST_BYTES = 1_048_576;
export const UNASKED_BYTES_PER_S = 131_072;
/** Values of what is streamed, likewise. */
export const UNASKED_VALUES_PER_S = 8_192;
/** Between two attempts to get back a stream that the upstream ended, whatever it asks for. */
export const STREAM_WAIT_MS = 2_000;
export const STREAM_WAIT_MAX_MS = 60_000;
/** From the start of a child, or of a connection, to the list of its tools: package runners unpack first. */
export const CONNECT_TIMEOUT_MS = 30_000;
/** A server of the 2025 era may stay silent at the first question of the 2026 era. */
export const PROBE_TIMEOUT_MS = 5_000;
/** A list that was compared longer ago than this is asked for again before a call. */
export const COMPARED_FOR_MS = 30_000;
/** No model can choose among more tools than this. */
export const MAX_DEFINITIONS = 1_000;
export const MAX_LIST_PAGES = 50;
/** What a child gets to end by itself after SIGTERM. */
export const STOP_GRACE_MS = 1_000;
/** The wait after the first failed start; it doubles with each. */
export const RESTART_WAIT_MS = 250;
export const RESTART_WAIT_MAX_MS = 30_000;
/** A connection that held this long was no failed start. */
export const STEADY_AFTER_MS = 10_000;
/** The last of what a child wrote to stderr. */
export const MAX_STDERR_CHARS = 4_000;
/** Requests that were given up and may still be answered. */
export const MAX_GIVEN_UP = 1_000;
/** Between two lists of a connection. */
export const LIST_INTERVAL_MS = 200;

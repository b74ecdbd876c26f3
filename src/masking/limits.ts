// Bounds of the masking door, with one line of why each.

/** Longest JSONPath text: a path is written by hand. */
export const MAX_PATH_CHARACTERS = 1_000;
/** Segments of one path: the states of the walk grow with them. */
export const MAX_PATH_SEGMENTS = 32;
/** Selectors that one tool's paths may hold together, for the same reason. */
export const MAX_SELECTORS = 500;
/** States kept between results: beyond it they are made anew, so that data cannot fill the memory. */
export const MAX_KEPT_STATES = 4_096;
/** JSON inside a string inside a string …: nobody nests it deeper on purpose. */
export const MAX_NESTED_DOCUMENTS = 4;
/** A result, as JSON text, in UTF-16 units: above it masking would hold the process for too long. */
export const MAX_RESULT_CHARACTERS = 16_777_216;
/** Names of members that were found to be plain, of one answer: rows repeat theirs. */
export const MAX_REMEMBERED_NAMES = 1_000;
/** What detectors may take for one result: about thirty times what the largest one takes. */
export const MAX_DETECTION_MS = 10_000;
/** Content blocks of one answer. */
export const MAX_CONTENT_BLOCKS = 1_000;
/** Most characters that keep-first and keep-last may show. */
export const MAX_KEPT_CHARACTERS = 16;
/** A result up to this long, as JSON text, always gets a second opinion: jsonpath-plus takes about 0.1 ms for each kilobyte. */
export const ALWAYS_SECOND_OPINION_CHARACTERS = 4_096;
/** A second engine that has not answered by then has failed: the caller waits for it. */
export const SECOND_OPINION_DEADLINE_MS = 5_000;
/** Larger results that wait for the second engine's thread; above it, the next is not among the sample. */
export const MAX_WAITING_OPINIONS = 4;
/** A longer text is no address, number or name that a tool would take. */
export const MAX_TOKENIZED_CHARACTERS = 1_024;

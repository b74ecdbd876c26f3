// The call an approval is for, as a person may see it.
import type { Approval, ShownPreview } from '../core/approval.ts';
import type { Payloads } from '../core/entry.ts';
import type { JsonObject } from '../core/json.ts';
import type { Tool } from '../core/tool.ts';

export interface ShownRequest {
  /** All arguments, masked only where the tool masks them; or why they cannot be shown. */
  readonly arguments: { readonly values: JsonObject } | { readonly withheld: string };
  /** Why the agent makes the call, in its own words. */
  readonly justification: string | undefined;
  /** What the call would do; undefined where its tool tells nothing of that. */
  readonly preview: ShownPreview | undefined;
}

/** What was kept of the call, as it was sent; undefined where it was erased. Rejects where it cannot be opened. */
export type RequestOf = (approval: Approval) => Promise<RequestedCall | undefined>;

export interface RequestedCall extends Payloads {
  readonly preview?: ShownPreview;
}

/** In any doubt, nothing: a tool that is gone cannot say what of its arguments is not to be seen. */
export async function shownRequest(
  approval: Approval,
  tool: Tool | undefined,
  requestOf: RequestOf,
): Promise<ShownRequest> {
  const withheld = (why: string, justification?: string): ShownRequest => ({
    arguments: { withheld: why },
    justification,
    preview: undefined,
  });
  let request: RequestedCall | undefined;
  try {
    request = await requestOf(approval);
  } catch {
    return withheld('They cannot be opened with the keys this broker has.');
  }
  const { arguments: sent, justification, preview } = request ?? {};
  if (tool === undefined) return withheld('The tool is not declared any more.', justification);
  if (sent === undefined) return withheld('They have been erased.');
  if (tool.validate(sent).length > 0) return withheld('The tool is declared otherwise since.', justification);
  return { arguments: { values: tool.maskArguments(sent) }, justification, preview };
}

// Block Kit as the stand-in knows it: the blocks that are used, held to Slack's limits. Pure.

export interface StandInBlock {
  readonly type: string;
  readonly block_id?: string;
  readonly text?: { readonly type: string; readonly text: string };
  readonly label?: { readonly text: string };
  readonly optional?: boolean;
  readonly element?: { readonly action_id?: string; readonly max_length?: number };
  readonly elements?: readonly {
    readonly action_id?: string;
    readonly value?: string;
    readonly url?: string;
    readonly style?: string;
    readonly text?: { readonly text: string };
  }[];
}

/** Slack's word where it would refuse them; https://docs.slack.dev/reference/block-kit/blocks */
export function blocksProblem(blocks: readonly StandInBlock[]): string | undefined {
  return blocks.length > 50 || blocks.some(isWrong) ? 'invalid_blocks' : undefined;
}

function isWrong({ type, text, label, element, elements }: StandInBlock): boolean {
  switch (type) {
    case 'section':
      return text === undefined || text.text.length === 0 || text.text.length > 3_000;
    case 'input':
      return (label?.text.length ?? 0) === 0 || (element?.max_length ?? 1) > 3_000;
    case 'actions':
      return (elements ?? []).some((one) => (one.text?.text.length ?? 0) > 75 || (one.value?.length ?? 0) > 2_000);
    default:
      return true;
  }
}

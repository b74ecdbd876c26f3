// Block Kit as the stand-in knows it: the blocks that are used, held to Slack's limits. Pure.

export interface StandInOption {
  readonly text: { readonly text: string };
  readonly value: string;
}

/** A dialog, as `views.open` takes it. */
export interface StandInView {
  readonly callback_id: string;
  readonly private_metadata: string;
  readonly title: { readonly text: string };
  readonly submit: { readonly text: string };
  readonly blocks: readonly StandInBlock[];
}

/** What somebody enters. `grant` is the value of an option. */
export interface Entered {
  readonly reason?: string;
  readonly grant?: string;
}

/** The fields of blocks as Slack sends them back. */
export function stateOf(blocks: readonly StandInBlock[], { reason, grant }: Entered): object {
  const values = blocks.flatMap(({ type, block_id: id = '', element }) => {
    if (type !== 'input' || element === undefined) return [];
    const chosen = element.options?.find(({ value }) => value === grant) ?? element.initial_option ?? null;
    const field = element.type === 'static_select' ? { selected_option: chosen } : { value: reason ?? null };
    return [[id, { [element.action_id ?? '']: { type: element.type, ...field } }]];
  });
  return { values: Object.fromEntries(values) as object };
}

/** Slack's word where it would refuse it; https://docs.slack.dev/reference/views/modal-views */
export function viewProblem({ title, submit, private_metadata: kept, blocks }: StandInView): string | undefined {
  const wrong = title.text.length > 24 || submit.text.length > 24 || kept.length > 3_000;
  return wrong ? 'invalid_arguments' : blocksProblem(blocks);
}

export interface StandInBlock {
  readonly type: string;
  readonly block_id?: string;
  readonly text?: { readonly type: string; readonly text: string };
  readonly label?: { readonly text: string };
  readonly optional?: boolean;
  readonly element?: {
    readonly type: string;
    readonly action_id?: string;
    readonly max_length?: number;
    readonly options?: readonly StandInOption[];
    readonly initial_option?: StandInOption;
  };
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
      return (label?.text.length ?? 0) === 0 || (element?.max_length ?? 1) > 3_000 || !areGood(element?.options ?? []);
    case 'actions':
      return (elements ?? []).some((one) => (one.text?.text.length ?? 0) > 75 || (one.value?.length ?? 0) > 2_000);
    default:
      return true;
  }
}

function areGood(options: readonly StandInOption[]): boolean {
  return options.length <= 100 && options.every(({ text, value }) => text.text.length <= 75 && value.length <= 150);
}

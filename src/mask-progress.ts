// What a backend says while a call runs, as far as it may leave: masked by the tool's own masks, or without its words.
import type { MaskedProgress } from './core/broker.ts';
import { Masked } from './core/evidence.ts';
import { MAX_PROGRESS_CHARS } from './core/limits.ts';
import type { TokenVault } from './core/token-vault.ts';
import type { Progress, Tool } from './core/tool.ts';

/** @returns what a tool kind tells its progress to; it never throws */
export function maskedProgress(
  tool: Tool,
  tokens: TokenVault,
  principal: string,
  tell: (progress: MaskedProgress) => void,
): (said: Progress) => void {
  return ({ progress, total, message }) => {
    if (!Number.isFinite(progress) || (total !== undefined && !Number.isFinite(total))) return;
    tell({ progress, total, message: message === undefined ? undefined : maskedMessage(message) });
  };

  function maskedMessage(message: string): Masked | undefined {
    if (message.length > MAX_PROGRESS_CHARS) return undefined;
    try {
      const issued = tokens.issue(principal);
      const masked: unknown = tool.mask.apply({ content: [{ type: 'text', text: message }] }, issued);
      // A token must be on record before it leaves, and nothing waits for progress.
      return masked instanceof Masked && issued.statements().length === 0 ? masked : undefined;
    } catch {
      return undefined;
    }
  }
}

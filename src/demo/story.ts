// What the demo's agent is asked to do, what should come of each call, and the script that stands in for a model. Pure.
import { randomUUID } from 'node:crypto';
import type { ModelResponse } from '@openai/agents';
import { ScriptedModel, assistantMessage, functionCall, modelResponder } from '@openai/agents/testing';
import type { RecordedModelCall } from '@openai/agents/testing';
import { toolAnswers } from './model-items.ts';

export const INSTRUCTIONS =
  'You work for the support team of a shop, with the tools you are given. Make one call at a time. ' +
  'Before you refund anything, read refunds.md of the handbook. ' +
  'When a tool refuses, do not try another way: tell the customer what was refused and why.';

export const TASK =
  'ada@example.com writes: "Please refund my smallest order and send me its receipt. Refund my largest one too: neither ' +
  'came. And for all the trouble I want 1250 back on the one before." Look her up, list her orders, track the largest, do ' +
  'all this in this order, each as she asks, then answer her in three sentences.';

/** Whom it is about. */
export const CUSTOMER = 'ada@example.com';

/** One call of the story: which rule should decide it, and how. */
export interface Expected {
  readonly tool: string;
  readonly effect: 'allow' | 'require_approval' | 'deny';
  readonly rule: string;
}

export const EXPECTED: readonly Expected[] = [
  { tool: 'find_customer', effect: 'allow', rule: 'support-may-look-up' },
  { tool: 'list_orders', effect: 'allow', rule: 'support-may-look-up' },
  { tool: 'track_order', effect: 'allow', rule: 'support-may-track' },
  { tool: 'read_handbook', effect: 'allow', rule: 'support-may-read-the-handbook' },
  { tool: 'refund_order', effect: 'allow', rule: 'small-refunds' },
  { tool: 'send_receipt', effect: 'allow', rule: 'receipts-go-to-known-addresses' },
  { tool: 'refund_order', effect: 'require_approval', rule: 'large-refunds-need-finance' },
  { tool: 'refund_order', effect: 'deny', rule: 'no-refunds-above-the-limit' },
];

/** Acts on what the tools answer, like a model that always chooses the same next step. It gives up where an answer lacks what it needs. */
export function scriptedModel(): ScriptedModel {
  let orders: Record<string, unknown>[] = [];
  let email: unknown;
  return new ScriptedModel([
    modelResponder(() => [call('find_customer', { email: CUSTOMER })]),
    modelResponder((request) => {
      const id = rows(request)[0]?.['id'];
      email = rows(request)[0]?.['email'];
      return typeof id === 'number' ? [call('list_orders', { customer_id: id })] : giveUp(request);
    }),
    modelResponder((request) => {
      orders = rows(request).sort((one, other) => Number(one['amount']) - Number(other['amount']));
      const largest = orders.at(-1);
      return largest === undefined ? giveUp(request) : [call('track_order', { order: largest['id'] })];
    }),
    modelResponder(() => [call('read_handbook', { path: 'refunds.md' })]),
    modelResponder((request) => {
      if (!lastText(request).includes('refunded in full')) return giveUp(request);
      const smallest = orders[0];
      return [call('refund_order', { order_id: smallest?.['id'], amount: Number(smallest?.['amount']) })];
    }),
    modelResponder(() => [call('send_receipt', { order_id: orders[0]?.['id'], email })]),
    modelResponder(() => {
      const largest = orders.at(-1);
      return [call('refund_order', { order_id: largest?.['id'], amount: Number(largest?.['amount']) })];
    }),
    modelResponder(() => [call('refund_order', { order_id: orders.at(-2)?.['id'], amount: 1250 })]),
    modelResponder((request) => [
      assistantMessage(
        `Dear Ada, your smallest order is refunded, and its receipt is on its way. So is your largest, which a colleague approved. The third refund I could not make, and was told: ${lastText(request)}`,
      ),
    ]),
  ]);
}

function call(tool: string, args: Record<string, unknown>): ReturnType<typeof functionCall> {
  return functionCall(tool, args, { callId: `scripted-${randomUUID()}` });
}

function giveUp(request: RecordedModelCall): ModelResponse['output'] {
  return [assistantMessage(`I cannot go on from what I was told: ${lastText(request)}`)];
}

function lastText({ request }: RecordedModelCall): string {
  return toolAnswers(request).at(-1)?.text ?? '';
}

/** The rows of the last answer; none where it is not such an answer. */
function rows(request: RecordedModelCall): Record<string, unknown>[] {
  try {
    const answer = JSON.parse(lastText(request)) as { rows?: unknown };
    return Array.isArray(answer.rows) ? (answer.rows as Record<string, unknown>[]) : [];
  } catch {
    return [];
  }
}

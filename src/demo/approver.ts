// The person in the demo who may approve: signs in at the demo's provider as anybody would, and reviews over the broker's API.
import { setTimeout as delay } from 'node:timers/promises';

export interface PendingApproval {
  readonly id: string;
  readonly tool: string;
}

export interface Approver {
  readonly name: string;
  readonly email: string;
  readonly password: string;
  /** The next approval that waits, once there is one. Rejects with the signal's reason. */
  nextPending(signal: AbortSignal): Promise<PendingApproval>;
  /** Says yes. Throws where the broker does not take it. */
  approve(id: string, reason: string): Promise<void>;
}

export interface ApproverOptions {
  readonly name: string;
  readonly email: string;
  readonly password: string;
  /** Where the API is: an origin. */
  readonly publicUrl: string;
  /** A fresh access token of theirs for the API. */
  readonly token: () => Promise<string>;
}

const LOOK_AGAIN_MS = 200;

export function approver({ name, email, password, publicUrl, token }: ApproverOptions): Approver {
  async function ask(bearer: string, path: string, init: RequestInit = {}): Promise<unknown> {
    const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
    const response = await fetch(`${publicUrl}/api/v1${path}`, { ...init, headers });
    if (!response.ok) throw new Error(`the API answered ${response.status}: ${await response.text()}`);
    return response.json();
  }

  return {
    name,
    email,
    password,
    async nextPending(signal) {
      const bearer = await token();
      for (;;) {
        const { approvals } = (await ask(bearer, '/approvals?state=pending')) as { approvals: PendingApproval[] };
        if (approvals[0] !== undefined) return approvals[0];
        await delay(LOOK_AGAIN_MS, undefined, { signal });
      }
    },
    async approve(id, reason) {
      const review = JSON.stringify({ verdict: 'approve', reason });
      await ask(await token(), `/approvals/${id}/reviews`, { method: 'POST', body: review });
    },
  };
}

// What a person is told when their review does not count: why, and what to do. Pure.
import type { ReviewRefused } from '../core/approval.ts';

export function reviewRefusedWords(refused: ReviewRefused): string {
  switch (refused) {
    case 'unknown':
      return 'There is no such approval. Look at the list of those that wait for you.';
    case 'own_call':
      return 'This call is made on your own behalf, and nobody decides about their own call. Somebody else must.';
    case 'not_an_approver':
      return 'The rule that asks for this approval does not name you, nor a group that you are in. Leave it to those it names.';
    case 'reason_missing':
      return 'The rule that asks for this approval wants to know why. Give a reason.';
    case 'already_reviewed':
      return 'You have already decided about this call. Each person counts once.';
    case 'already_decided':
      return 'Enough people have approved this call; one more changes nothing. Until it runs you can still deny it.';
    case 'grant_too_wide':
      return 'The rules of this call do not let access be given for a while, or not for so long or so many calls. Give less, or approve the one call.';
    case 'blocked':
      return 'An operator has blocked you here, so your word does not count. Ask the operator.';
    case 'over':
      return 'This approval is over: it was denied, used, withdrawn, or its time is up. If the agent makes the call again, you are asked anew.';
  }
}

// Preloaded (`node --import`) before an example, so that it runs unchanged where no OPENAI_API_KEY is: a script stands in
// for the default model. It looks one customer up, and says what it was told.
import { setDefaultModelProvider } from '@openai/agents';
import { ScriptedModel, assistantMessage, functionCall, modelResponder } from '@openai/agents/testing';
import { toolAnswers } from '../../src/demo/model-items.ts';

const model = new ScriptedModel([
  [functionCall('find_customer', { email: 'ada@example.com' }, { callId: 'scripted-1' })],
  modelResponder(({ request }) => [assistantMessage(`I was told: ${toolAnswers(request).at(-1)?.text ?? 'nothing'}`)]),
]);
setDefaultModelProvider({ getModel: () => model });

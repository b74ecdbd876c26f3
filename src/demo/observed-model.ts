// A model with a witness: it is told everything the model is given, and everything the model answers. Wraps any model.
import type { Model, ModelRequest, ModelResponse } from '@openai/agents';

export interface Witness {
  /** Called before the model sees it. */
  given(request: ModelRequest): Promise<void>;
  /** Called before the agent acts on it. */
  answered(output: ModelResponse['output']): Promise<void>;
}

export function observed(model: Model, witness: Witness): Model {
  return {
    async getResponse(request) {
      await witness.given(request);
      const response = await model.getResponse(request);
      await witness.answered(response.output);
      return response;
    },
    async *getStreamedResponse(request) {
      await witness.given(request);
      for await (const event of model.getStreamedResponse(request)) {
        if (event.type === 'response_done') await witness.answered(event.response.output);
        yield event;
      }
    },
    getRetryAdvice: (request) => model.getRetryAdvice?.(request),
  };
}

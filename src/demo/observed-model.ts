// A model with a witness, who is told everything the model is given. Wraps a scripted model or a real one.
import type { Model, ModelRequest } from '@openai/agents';

/** Called, and awaited, before the model sees the request. */
export type Witness = (request: ModelRequest) => Promise<void>;

export function observed(model: Model, witness: Witness): Model {
  return {
    async getResponse(request) {
      await witness(request);
      return await model.getResponse(request);
    },
    async *getStreamedResponse(request) {
      await witness(request);
      yield* model.getStreamedResponse(request);
    },
    getRetryAdvice: (request) => model.getRetryAdvice?.(request),
  };
}

// Calls that run beside each other, as many as the other side can take. Which calls those are is the caller's business.

/** Providers pace their calls themselves (cloud/limiter.ts), and reads that are asked for together become one. */
export const PROVIDER_CALLS = 256;
/** Writes to the API server. */
export const STATUS_WRITES = 32;

/** In the order of the input, at most `most` beside each other. @throws the first error, when one is thrown. */
export async function inParallel<In, Out>(
  inputs: readonly In[],
  most: number,
  run: (input: In) => Promise<Out>,
): Promise<readonly Out[]> {
  const results: Out[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < inputs.length) {
      const index = next++;
      const input = inputs[index];
      if (input !== undefined) results[index] = await run(input);
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, inputs.length) }, worker));
  return results;
}

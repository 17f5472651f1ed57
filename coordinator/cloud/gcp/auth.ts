// Who the coordinator is at Google: access tokens by application default credentials, which are the metadata server
// (workload identity of GKE), a key file, or a federated identity of another cluster. The only file that loads Google's
// library, and a bundle of its own (deploy/bundle.ts). It imports nothing of ours that has a class: it is bundled apart.

import { GoogleAuth } from "google-auth-library";

/** Compute Engine, GKE and the question for one's own rights; what may be done is the role's matter. */
const SCOPES = ["https://www.googleapis.com/auth/cloud-platform"];

/** The library itself waits without end for a metadata server that takes a question and does not answer. */
const PATIENCE_MS = 20_000;

/**
 * `project` is ours to know: the library would look for one by starting gcloud, which takes seconds. Answers with a token that
 * is good for a while, asked for anew only when it is about to expire; rejects with the library's own error when there are
 * no credentials or nobody gives a token for them.
 */
export function createTokens(project: string, patienceMs = PATIENCE_MS): () => Promise<string> {
  const made = (): GoogleAuth => new GoogleAuth({ scopes: SCOPES, projectId: project });
  let auth = made();
  let asking: Promise<string> | null = null;

  async function ask(): Promise<string> {
    const silence = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      // What waits there is handed to whoever asks the same one again.
      auth = made();
      silence.reject(new Error(`no access token came within ${patienceMs / 1_000} s: timed out`));
    }, patienceMs);
    try {
      const token = await Promise.race([auth.getAccessToken(), silence.promise]);
      if (typeof token !== "string" || token === "") throw new Error("the credentials give no access token");
      return token;
    } finally {
      clearTimeout(timer);
      asking = null;
    }
  }

  // A hundred calls of one moment are one question.
  return async () => await (asking ??= ask());
}

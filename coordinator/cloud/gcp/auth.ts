// Who the coordinator is at Google: access tokens by application default credentials, which are the metadata server
// (workload identity of GKE), a key file, or a federated identity of another cluster. The only file that loads Google's
// library, and a bundle of its own (deploy/bundle.ts). It imports nothing of ours that has a class: it is bundled apart.

import { GoogleAuth } from "google-auth-library";

/** Compute Engine, GKE and the question for one's own rights; what may be done is the role's matter. */
const SCOPES = ["https://www.googleapis.com/auth/cloud-platform"];

/**
 * `project` is ours to know: the library would look for one by starting gcloud, which takes seconds. Answers with a token that
 * is good for a while, asked for anew only when it is about to expire; rejects with the library's own error when there are
 * no credentials or nobody gives a token for them.
 */
export function createTokens(project: string): () => Promise<string> {
  const auth = new GoogleAuth({ scopes: SCOPES, projectId: project });
  let asking: Promise<string> | null = null;

  async function ask(): Promise<string> {
    try {
      const token = await auth.getAccessToken();
      if (typeof token !== "string" || token === "") throw new Error("the credentials give no access token");
      return token;
    } finally {
      asking = null;
    }
  }

  // A hundred calls of one moment are one question.
  return async () => await (asking ??= ask());
}

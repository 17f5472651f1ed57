// What a test asks of the store itself, past the API server: to forget the past, as every store does now and then. No
// client of etcd: its own gateway speaks JSON.

interface Answer {
  readonly header: { readonly revision: string };
}

/** The store of that address keeps nothing from before its newest revision. @throws Error with its own words. */
export async function compact(store: string): Promise<void> {
  // Any key: each answer names the newest revision.
  const key = Buffer.from("any").toString("base64");
  const { header } = await ask<Answer>(store, "range", { key });
  await ask(store, "compaction", { revision: header.revision, physical: true });
}

async function ask<T>(store: string, what: string, body: object): Promise<T> {
  const answer = await fetch(`${store}/v3/kv/${what}`, { method: "POST", body: JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`etcd, ${what}: ${answer.status} ${text}`);
  // What etcd answers is its own business.
  return JSON.parse(text) as T;
}

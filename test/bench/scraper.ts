// Scrapes a page as Prometheus does: over one connection that stays open, packed, in the newer format if there is one.

import { Agent, get } from "node:http";
import { gunzipSync } from "node:zlib";

const HEADERS = {
  accept: "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
  "accept-encoding": "gzip",
};

export interface Scraper extends Disposable {
  /** The page, unpacked. Rejects when it is answered by anything but 200. */
  scrape(): Promise<string>;
}

export function openScraper(url: URL): Scraper {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    scrape: async () => {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      get(url, { agent, headers: HEADERS }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const body = Buffer.concat(chunks);
          if (response.statusCode !== 200) reject(new Error(`${url.href} answered ${response.statusCode}`));
          else
            resolve((response.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body).toString());
        });
      }).on("error", reject);
      return await promise;
    },
    [Symbol.dispose]: () => {
      agent.destroy();
    },
  };
}

// The frame of a page: one document that needs nothing from anywhere. Its policy forbids every request and every script
// but its own, so that even a name that got past the escaping could do nothing.

import { createHash } from "node:crypto";

import { html, trusted } from "./html.ts";
import type { Html } from "./html.ts";
import { SCRIPT } from "./script.ts";
import { STYLE } from "./style.ts";

const POLICY = [
  "default-src 'none'",
  // Widths and places of marks are style attributes, which cannot be named by a hash.
  "style-src 'unsafe-inline'",
  `script-src 'sha256-${createHash("sha256").update(SCRIPT).digest("base64")}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

// Outside of the template: the hash is that of every character between the tags.
const OWN = trusted(`<script>${SCRIPT}</script>`);
const SHEET = trusted(`<style>${STYLE}</style>`);

/** A whole HTML document. `title` is text. */
export function pageDocument(title: string, body: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <title>${title}</title>
        ${SHEET}
      </head>
      <body>
        ${HATCHES} ${body} ${OWN}
      </body>
    </html> `.text;
}

/** Shared by all plots. The script keeps their slant when a plot is stretched. */
const HATCHES = html`<svg id="hatches" aria-hidden="true">
  <defs>
    ${(["booting", "draining"] as const).map((state) => html`${hatch(`hatch-${state}`, state, 6.7)}${hatch(`key-${state}`, state, 1)}`)}
  </defs>
</svg>`;

/** `stretch`: of the drawing in which it stands, upright against across. Keys are not stretched. */
function hatch(id: string, state: "booting" | "draining", stretch: number): Html {
  const turn = state === "booting" ? 45 : -45;
  const size = state === "booting" ? 6 : 4;
  const stretched = stretch === 1 ? html`` : html` data-turn="${turn}"`;
  return html`<pattern
    id="${id}"
    ${stretched}
    width="${size}"
    height="${size}"
    patternUnits="userSpaceOnUse"
    patternTransform="scale(1 ${stretch}) rotate(${turn})"
  >
    <path d="M0 0V${size}" />
  </pattern>`;
}

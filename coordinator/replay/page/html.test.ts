import { expect, test } from "vitest";

import { dataElement, escaped, html, trusted } from "./html.ts";

const HOSTILE = `</script><img src=x onerror="alert('1')"> & \u0000`;

test("text becomes text, in an element and in an attribute", () => {
  expect(html`<a title="${HOSTILE}">${HOSTILE}</a>`.text).toBe(
    `<a title="${escaped(HOSTILE)}">${escaped(HOSTILE)}</a>`,
  );
  expect(escaped(HOSTILE)).toBe(
    "&lt;/script&gt;&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt; &amp; \uFFFD",
  );
});

test("HTML is taken as it is, lists one after the other, null as nothing", () => {
  const piece = html`<b>${1.5}</b>`;
  expect(html`${piece}|${[piece, trusted("<hr>")]}|${null}`.text).toBe("<b>1.5</b>|<b>1.5</b><hr>|");
});

test("the layout of the source is not in the page, the line breaks of values are", () => {
  const value = "a\n   b";
  expect(
    html`<ul>
      <li>${value}</li>
    </ul>`.text,
  ).toBe("<ul>\n<li>a\n   b</li>\n</ul>");
});

test("data can be read back and cannot end its element", () => {
  const data = { name: HOSTILE, line: "\u2028", comment: "<!--" };
  const { text } = dataElement("d", data);
  const json = text.replace(/^<script[^>]*>/, "").replace(/<\/script>$/, "");
  expect(json).not.toMatch(/[<>]/);
  expect(JSON.parse(json)).toEqual(data);
});

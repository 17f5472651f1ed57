// What happened, as a list: each row with its moment, its pool, what was done and why. Without a script it is a long
// table; with one it is filtered and each moment leads to its place in the plots.

import type { EpochMs } from "../../../shared/model/units.ts";
import { momentText } from "./axis.ts";
import { KIND_WORDS } from "./happenings.ts";
import type { HappeningRow, HappeningRows } from "./happenings.ts";
import { html } from "./html.ts";
import type { Html } from "./html.ts";
import { grouped } from "./numbers.ts";

/** What can be asked for at once. */
const CHOICES: readonly { readonly label: string; readonly kinds: string }[] = [
  { label: "everything", kinds: "" },
  { label: "pools that grew", kinds: "grow replace" },
  { label: "pools that shrank", kinds: "shrink release" },
  { label: "nodes taken back", kinds: "notice interrupted" },
  { label: "launches that failed", kinds: "launch-failed" },
  { label: "moves that were refused", kinds: "refused" },
];

export function happeningList(id: string, { rows, leftOut }: HappeningRows, start: EpochMs): Html {
  if (rows.length === 0 && leftOut === 0) return html`<p class="note">Nothing happened.</p>`;
  const missing =
    leftOut === 0
      ? html``
      : html`<p class="note">
          ${grouped(leftOut, 0)} more had no room here. Every stretch of time keeps its first ones; the plots
          above count all that the run listed.
        </p>`;
  return html`<div class="pick js-only">
      <label
        >Show
        <select data-kind>
          ${CHOICES.map(({ label, kinds }) => html`<option value="${kinds}">${label}</option>`)}
        </select></label
      >
      <label>with the words <input type="search" data-search /></label
      ><span class="soft" data-shown role="status"></span>
    </div>
    <div class="list" tabindex="0" role="region" aria-label="What happened and why">
      <table>
        <caption class="sr">
          What happened and why, in order of time, UTC
        </caption>
        <thead>
          <tr>
            <th scope="col">When (UTC)</th>
            <th scope="col">Pool</th>
            <th scope="col">What</th>
            <th scope="col">Why</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map((row) => listRow(id, row, start))}
        </tbody>
      </table>
    </div>
    ${missing}`;
}

function listRow(id: string, row: HappeningRow, start: EpochMs): Html {
  const when = momentText(start + row.atMs);
  const what = `${row.said}${row.times > 1 ? `, ${row.times} times in a row` : ""}`;
  const why = row.why.join("; ");
  return html`<tr data-t="${row.atMs}" data-k="${row.kind}">
    <td><a href="#${id}-lane" data-go="${row.atMs}">${when}</a></td>
    <td>${row.pool}</td>
    <td><span class="kind">${KIND_WORDS[row.kind]}</span> ${what}</td>
    <td>${why}</td>
  </tr> `;
}

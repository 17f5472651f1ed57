import { mkdir, mkdtemp, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import { eventually } from "../../../test/build/eventually.ts";
import { SCENE_NODE, watchScene } from "../../../test/build/metadata-watch.ts";
import type { MetadataScene } from "../../../test/build/metadata-watch.ts";
import { startGenericNotice } from "../../../test/world/metadata/generic.ts";

let folder = "";
let path = "";
const ends: (() => Promise<void>)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "notice-"));
  path = join(folder, "notice");
});
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
  await rm(folder, { recursive: true });
});

async function start(): Promise<MetadataScene> {
  const scene = watchScene({ cloud: "none", noticeFile: path });
  ends.push(() => scene.stop());
  await look(scene);
  return scene;
}

/** A look at a file has no time limit to wait for; its answer is the sign that it is over. */
async function look(scene: MetadataScene): Promise<void> {
  const before = scene.answers.length;
  await eventually(async () => {
    if (scene.answers.length === before) await scene.clock.advance(100);
    return scene.answers.length > before;
  });
  await scene.rest();
}

async function put(text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

describe("a notice file", () => {
  test("that is not there is no notice, and the machine is of no cloud", async () => {
    const scene = await start();
    expect(scene.watch).toMatchObject({
      cloud: "generic",
      sightings: [],
      answered: true,
      health: { state: "up" },
    });
  });

  test("says by being there that the machine goes, and by its end that it stays", async () => {
    const scene = await start();
    await put("");
    await look(scene);
    const [seen] = scene.watch.sightings;
    expect(seen).toMatchObject({
      source: "generic",
      kind: "termination",
      action: "notice",
      endsMachine: true,
      deadline: (seen?.seenAt ?? 0) + 30_000,
    });
    await look(scene);
    expect(scene.watch.sightings).toEqual([seen]);
    await rm(path);
    await look(scene);
    expect(scene.watch.sightings).toEqual([]);
  });

  test("may say when, what and under which id", async () => {
    const scene = await start();
    const at = epochMs(scene.clock.now() + 7_200_000);
    await put(JSON.stringify({ deadline: new Date(at).toISOString(), kind: "maintenance", id: "rack 7" }));
    await look(scene);
    expect(scene.watch.sightings).toMatchObject([
      { kind: "maintenance", action: "maintenance", deadline: at, endsMachine: false },
    ]);
    expect(scene.watch.sightings[0]?.id).toMatch(/^generic-rack_7-[0-9a-f]{16}$/);
    await put(JSON.stringify({ kind: "rebalance" }));
    await look(scene);
    expect(scene.watch.sightings).toMatchObject([{ kind: "rebalance", deadline: null, endsMachine: false }]);
  });

  test("gives the same id to the agent that is started anew", async () => {
    await put("");
    const first = await start();
    const [before] = first.watch.sightings;
    await first.stop();
    const second = await start();
    expect(before?.id).toContain(SCENE_NODE);
    expect(second.watch.sightings.map(({ id }) => id)).toEqual([before?.id]);
  });

  test("with a slip in its time is a notice all the same, and the slip is said", async () => {
    const scene = await start();
    await put('{"deadline": "soon"}');
    await look(scene);
    expect(scene.watch.sightings).toMatchObject([{ kind: "termination" }]);
    const said = JSON.stringify(scene.watch.health);
    for (const part of ["down", path, "deadline", "soon", "RFC 3339"]) expect(said).toContain(part);
  });

  test.each([
    ["no JSON", "the machine goes", "neither empty nor a JSON object"],
    ["a list", "[]", "neither empty nor a JSON object"],
    ["an unknown kind", '{"kind": "party"}', "kind of the notice is none of"],
  ])("with %s leaves what stood and says what is wrong", async (_, text, why) => {
    const scene = await start();
    await put('{"id": "a"}');
    await look(scene);
    const before = scene.watch.sightings;
    expect(before).toHaveLength(1);
    await put(text);
    await look(scene);
    expect(scene.watch.sightings).toEqual(before);
    expect(JSON.stringify(scene.watch.health)).toContain(why);
    await put('{"id": "a"}');
    await look(scene);
    expect(scene.watch).toMatchObject({ health: { state: "up" }, sightings: before });
  });

  test("that is too large, or no file, is not read", async () => {
    const scene = await start();
    await writeFile(path, "");
    await truncate(path, 5_000_000);
    await look(scene);
    expect(JSON.stringify(scene.watch.health)).toContain("larger than 65536 bytes");
    await rm(path);
    await mkdir(path);
    await look(scene);
    expect(JSON.stringify(scene.watch.health)).toContain("is no file; name a file in GPUAS_NOTICE_FILE");
    expect(scene.watch.sightings).toEqual([]);
  });
});

describe("a notice address", () => {
  test.each([204, 404] as const)("says with %i that there is none, and what there is else", async (none) => {
    const clock = createFakeClock();
    const notice = await startGenericNotice({ clock, none });
    ends.push(() => notice.close());
    const scene = watchScene({ cloud: "none", noticeUrl: `${notice.url}/v1/end?of=me` }, { clock });
    ends.push(() => scene.stop());
    await scene.rest();
    expect(scene.watch).toMatchObject({ answered: true, sightings: [], health: { state: "up" } });
    expect(notice.requests[0]).toMatchObject({ path: "/v1/end", query: "?of=me" });
    notice.notice();
    await scene.round();
    expect(scene.watch.sightings).toMatchObject([{ kind: "termination", source: "generic" }]);
    notice.withdraw();
    await scene.round();
    expect(scene.watch.sightings).toEqual([]);
    const deadline = epochMs(clock.now() + 600_000);
    notice.notice({ id: "m-1", deadline });
    await scene.round();
    expect(scene.watch.sightings).toMatchObject([{ id: "generic-m-1", deadline }]);
    expect(notice.breaches).toEqual([]);
  });

  test("that redirects or fails leaves what stood", async () => {
    const clock = createFakeClock();
    const notice = await startGenericNotice({ clock });
    ends.push(() => notice.close());
    const scene = watchScene({ cloud: "none", noticeUrl: notice.url }, { clock });
    ends.push(() => scene.stop());
    notice.notice();
    await scene.rest();
    const before = scene.watch.sightings;
    expect(before).toHaveLength(1);
    for (const fault of [
      { kind: "redirect", to: notice.url },
      { kind: "status", status: 401 },
      { kind: "garbage" },
    ] as const) {
      const mend = notice.fail(fault);
      await scene.round(3_000);
      expect(scene.watch.sightings).toEqual(before);
      expect(scene.watch.health).toMatchObject({ state: "down" });
      mend();
      await scene.round(2_000);
      expect(scene.watch.health).toMatchObject({ state: "up" });
    }
  });

  test("that is none is refused with the name of the setting", () => {
    expect(() => watchScene({ noticeUrl: "end of the world" })).toThrow("GPUAS_NOTICE_URL must be an http");
    expect(() => watchScene({ metadataUrl: "ftp://a" })).toThrow("GPUAS_METADATA_URL must be an http");
  });
});

// The shipped coordinator records what it decides; decided again from its files it is the same, byte for byte, and a
// changed policy shows where it parts.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { replayRecording } from "../../coordinator/ctl/recording.ts";
import { POLICY } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import { openScene, policySpec, poolSpec } from "../build/scene.ts";

const NOTHING = { policies: [], asJobs: undefined, anonymise: undefined, json: false };

test("a recording gives the same plans, without names too, and other ones by another policy", async () => {
  const dir = await mkdtemp(join(tmpdir(), "recording-"));
  try {
    await using scene = await openScene();
    const spec = policySpec([poolSpec("spot-a", { maxSize: 2 })]);
    scene.policy(spec);
    const recording = join(dir, "of-the-coordinator");
    const coordinator = await scene.coordinator({ env: { GPUAS_RECORD_DIR: recording } });
    scene.server.change((world) => world.submitJob({ id: "first", gpus: 8, durationMs: millis(600_000) }));
    await scene.until(() => scene.status()?.pools[0]?.ready === 1);
    const decided = await scene.until(
      async () => (await coordinator.metric("gpu_autoscaler_recorded_decisions_total")) ?? 0,
    );
    await coordinator.stop();

    const again = await replayRecording({ ...NOTHING, recording: [recording], json: true });
    const { decisions, different, tally } = JSON.parse(again.text) as Readonly<Record<string, unknown>>;
    expect({ same: again.same, different, tally }).toMatchObject({
      same: true,
      different: 0,
      tally: { dropped: 0, cut: 0, damaged: [] },
    });
    expect(decisions).toBeGreaterThanOrEqual(decided);

    const unnamed = join(dir, "without-names");
    await replayRecording({ ...NOTHING, recording: [recording], anonymise: unnamed });
    const shown = await replayRecording({ ...NOTHING, recording: [unnamed], json: true });
    expect(JSON.parse(shown.text)).toMatchObject({ decisions, different: 0 });

    const changed = join(dir, "changed.json");
    const name = scene.world.list("autoscalingpolicies")[0]?.metadata.name ?? "";
    await writeFile(
      changed,
      JSON.stringify({
        apiVersion: POLICY.apiVersion,
        kind: POLICY.kind,
        metadata: { name },
        spec: { ...spec, enabled: false },
      }),
    );
    const parted = await replayRecording({ ...NOTHING, recording: [recording], policies: [changed] });
    expect(parted.text).toMatch(/grow → hold: \d+ time/);

    const jobs = join(dir, "jobs.csv");
    await replayRecording({ ...NOTHING, recording: [recording], asJobs: jobs });
    expect(await readFile(jobs, "utf8")).toMatch(/^[^#].*first.*,8,/m);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

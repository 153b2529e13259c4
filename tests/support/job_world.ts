/**
 * The queue and its workers over a real database, with real children and code given by the test.
 *
 * @module
 */
import type { Clock } from "pg-boss";
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { AppError } from "../../lib/errors.ts";
import type { Job } from "../../lib/jobs/job.ts";
import type { AttemptRunner } from "../../lib/jobs/settle.ts";
import { type JobsRoom, startJobs } from "../../lib/jobs/start.ts";
import type { SubmitInput } from "../../lib/jobs/submit.ts";
import { JobRunner } from "../../lib/runtime/job_runner.ts";
import { MemoryWatch } from "../../lib/runtime/memory_watch.ts";
import { Pool } from "../../lib/runtime/pool.ts";
import { Recorder } from "../../lib/runtime/recorder.ts";
import { ExecutionStore } from "../../lib/store/executions.ts";
import { openSpares, SHAPE } from "./children.ts";
import { until } from "./until.ts";
import { admin, ref, type World } from "./world.ts";

/** Jobs under test. */
export interface JobWorld {
  readonly world: World;
  readonly room: JobsRoom;
  /** What went wrong behind the scenes. */
  readonly troubles: string[];
  /** Jobs by name, as JavaScript; may be changed. */
  readonly code: Map<string, string>;
  submit(name: string, payload?: unknown, options?: Partial<SubmitInput>): Promise<string>;
  job(id: string): Promise<Job>;
  /** The job once it has ended. */
  ended(id: string): Promise<Job>;
  comesTo(id: string, status: Job["status"]): Promise<Job>;
  setSecret(name: string, value: string): Promise<void>;
  /** What a job printed. */
  printed(id: string): Promise<string[]>;
}

/** Options of {@linkcode withJobs}. */
export interface JobWorldOptions {
  readonly code: Readonly<Record<string, string>>;
  readonly concurrency?: number;
  readonly timeoutMs?: number;
  readonly silentMs?: number;
  readonly beatMs?: number;
  readonly clock?: Clock;
  readonly graceMs?: number;
  /** Whether jobs are run. Default true. */
  readonly work?: boolean;
  /** Makes the attempts. Default: a real runner over real children. */
  readonly runner?: AttemptRunner;
}

/** Starts jobs in `world`, runs `test`, and ends everything. */
export async function withJobs(
  world: World,
  options: JobWorldOptions,
  test: (jobs: JobWorld) => Promise<void>,
): Promise<void> {
  await using opened = new AsyncDisposableStack();
  await test(await openJobs(world, options, opened));
}

/** Starts jobs in `world`; the end of `opened` ends everything. */
export async function openJobs(
  world: World,
  options: JobWorldOptions,
  opened: AsyncDisposableStack,
): Promise<JobWorld> {
  const code = new Map(Object.entries(options.code));
  const recorder = new Recorder(new ExecutionStore(world.database.sql), { flushMs: 20 });
  const pool = await openPool(opened);
  opened.defer(() => recorder.flush());
  const runner = new JobRunner({
    code: codeOf(code),
    secrets: world.resolver,
    pool,
    sink: recorder,
    shape: SHAPE,
    limits: {
      answerMs: options.timeoutMs ?? 30_000,
      streamMs: options.timeoutMs ?? 30_000,
      memoryBytes: 256 * 2 ** 20,
      bodyBytes: 2 ** 20,
    },
    graceMs: 300,
  });
  const troubles: string[] = [];
  const room = await startJobs({
    database: world.database,
    ring: world.ring,
    set: world.schedules,
    catalogue: { list: () => Promise.resolve({ functions: placesOf(code) }) },
    ...(options.clock && { clock: options.clock }),
    onTrouble: (what, error) => troubles.push(`${what}: ${error}`),
    ...(options.work !== false && {
      worker: {
        runner: options.runner ?? runner,
        concurrency: options.concurrency ?? 4,
        pollMs: 200,
        ...(options.silentMs !== undefined && { silentMs: options.silentMs }),
        ...(options.beatMs !== undefined && { beatMs: options.beatMs }),
      },
    }),
  });
  opened.defer(() => room.close(options.graceMs ?? 0));
  return makeWorld(world, room, recorder, code, troubles);
}

async function openPool(opened: AsyncDisposableStack): Promise<Pool> {
  const directory = await Deno.makeTempDir({ prefix: "fx" });
  opened.defer(() => Deno.remove(directory, { recursive: true }));
  const memory = new MemoryWatch("sh");
  opened.defer(() => memory.close());
  const spares = openSpares(directory, 1);
  const pool = new Pool(spares, memory, {
    maxChildren: 16,
    idleMs: 60_000,
    perFunction: { children: 2, comfortable: 32, most: 256 },
  });
  opened.defer(() => pool.close(0));
  return pool;
}

function makeWorld(
  world: World,
  room: JobsRoom,
  recorder: Recorder,
  code: Map<string, string>,
  troubles: string[],
): JobWorld {
  const { jobs } = room;
  const job = async (id: string) => (await jobs.find(admin, id)).job;
  const comesTo = (id: string, ...wanted: Job["status"][]) =>
    until(`job ${id} is ${wanted}`, async () => {
      const found = await job(id);
      return wanted.includes(found.status) && found;
    });
  return {
    world,
    room,
    troubles,
    code,
    job,
    async submit(name, payload = null, options = {}) {
      const input = { name, namespace: null, payload: JSON.stringify(payload), ...options };
      return (await jobs.submit(admin, input, { requestId: "test" })).job.id;
    },
    ended: (id) => comesTo(id, "completed", "failed", "cancelled"),
    comesTo: (id, status) => comesTo(id, status),
    async setSecret(name, text) {
      const value = Plaintext.fromText(text);
      await world.vault.update(admin, ref(name), { value }).catch(() =>
        world.vault.create(admin, ref(name), { value })
      );
    },
    async printed(id) {
      await recorder.flush();
      const lines = await jobs.lines(admin, id, { after: 0, limit: 1_000 });
      return lines.map(({ message }) => message);
    },
  };
}

function placesOf(code: ReadonlyMap<string, string>) {
  return [...code.keys()].map((key) => {
    const [name, namespace] = key.split("@");
    return { name: name!, namespace: namespace ?? null };
  });
}

function codeOf(sources: ReadonlyMap<string, string>) {
  const keyOf = (name: string, namespace: string | null) =>
    namespace === null ? name : `${name}@${namespace}`;
  return {
    peek(name: string, namespace: string | null) {
      const code = sources.get(keyOf(name, namespace));
      return code === undefined ? undefined : { code, hash: "0".repeat(64) };
    },
    get: () => Promise.reject(new AppError("FUNCTION_NOT_FOUND", "Job not found")),
  };
}

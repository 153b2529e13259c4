/**
 * A runner over real children, with code and values given by the test.
 *
 * @module
 */
import { Plaintext } from "../../lib/crypto/plaintext.ts";
import { AppError } from "../../lib/errors.ts";
import { withSystemSettings } from "../../lib/resolve/injection.ts";
import type { Namespace } from "../../lib/resolve/ref.ts";
import {
  buildSettings,
  NO_SETTING_VALUES,
  type ResolvedSettings,
} from "../../lib/resolve/resolved_settings.ts";
import {
  parseSettingKey,
  parseUserId,
  settingName,
  type SettingScope,
} from "../../lib/resolve/setting_ref.ts";
import type {
  Execution,
  ExecutionLine,
  ExecutionSink,
  GivenValues,
} from "../../lib/runtime/execution.ts";
import { CLOSED_ADDRESSES, type NetworkPolicy } from "../../lib/runtime/permissions.ts";
import type { Pool } from "../../lib/runtime/pool.ts";
import { Runner } from "../../lib/runtime/runner.ts";
import { type FunctionSettings, NO_SETTINGS } from "../../lib/runtime/code/settings.ts";
import type { Code } from "../../lib/runtime/target.ts";
import { injectionOf, type PoolOptions, withPool } from "./child_pool.ts";

/** What a test sets up and looks at. */
export interface Bench {
  readonly runner: Runner;
  readonly pool: Pool;
  readonly executions: Execution[];
  readonly given: GivenValues[];
  readonly lines: ExecutionLine[];
  /** Functions by name, as JavaScript. */
  readonly code: Map<string, string>;
  /** What functions say about themselves, by name. */
  readonly settings: Map<string, Partial<FunctionSettings>>;
  /** Replaces what a user has; a value by name. */
  setUser(id: string, values: Readonly<Record<string, string>>): void;
  /** Replaces what the system has. */
  setSystem(values: Readonly<Record<string, string>>): void;
  /** Replaces all values. */
  setSecrets(values: Readonly<Record<string, string>>): void;
  /** Calls a function. */
  call(name: string, init?: RequestInit & CallOptions): Promise<Response>;
  /** Resolves once `condition` holds, looked at whenever something is recorded. */
  until(condition: () => boolean): Promise<void>;
}

/** What a call can have beside a request. */
export interface CallOptions {
  readonly path?: string;
  /** That of the function; none when left out. */
  readonly namespace?: Namespace;
  /** Whose call it is. */
  readonly user?: string;
}

/** Options of {@linkcode withRunner}. */
export interface BenchOptions extends PoolOptions {
  code?: Readonly<Record<string, string>>;
  settings?: Readonly<Record<string, Partial<FunctionSettings>>>;
  secrets?: Readonly<Record<string, string>>;
  answerMs?: number;
  streamMs?: number;
  memoryMb?: number;
  bodyBytes?: number;
  network?: NetworkPolicy;
  /** Takes the records instead of the lists here. */
  sink?: ExecutionSink;
}

/** Runs `test` with a runner and ends all its children afterwards. */
export async function withRunner(
  options: BenchOptions,
  test: (bench: Bench) => Promise<void>,
): Promise<void> {
  await withPool(options, (pool) => test(makeBench(pool, options)));
}

function makeBench(pool: Pool, options: BenchOptions): Bench {
  const code = new Map(Object.entries(options.code ?? {}));
  const settings = new Map(Object.entries(options.settings ?? {}));
  const executions: Execution[] = [];
  const given: GivenValues[] = [];
  const lines: ExecutionLine[] = [];
  let injection = injectionOf(options.secrets ?? {});
  const users = new Map<string, ResolvedSettings>();
  const settingsOf = (id: string) => users.get(id) ?? NO_SETTING_VALUES;
  const waiting = new Set<() => void>();
  const changed = () => waiting.forEach((look) => look());
  const runner = new Runner({
    code: codeOf(code, settings),
    secrets: { cached: () => injection, resolve: () => Promise.resolve(injection) },
    userSettings: { cached: settingsOf, resolve: (id) => Promise.resolve(settingsOf(id)) },
    pool,
    sink: options.sink ?? {
      given: (values) => (given.push(values), changed()),
      finished: (execution) => (executions.push(execution), changed()),
      line: (line) => (lines.push(line), changed()),
    },
    shape: {
      network: options.network ?? { allow: "public", deny: CLOSED_ADDRESSES },
      heapMb: 64,
    },
    limits: {
      answerMs: options.answerMs ?? 20_000,
      streamMs: options.streamMs ?? 60_000,
      memoryBytes: (options.memoryMb ?? 256) * 1024 * 1024,
      bodyBytes: options.bodyBytes ?? 100 * 1024 * 1024,
    },
  });
  return {
    runner,
    pool,
    given,
    executions,
    lines,
    code,
    settings,
    setSecrets: (values) => injection = withSystemSettings(injectionOf(values), injection.system),
    setSystem: (values) => {
      injection = withSystemSettings(injection, settingsWith("system", values));
    },
    setUser: (id, values) => users.set(id, settingsWith("user", values)),
    call: (name, { path = "", user, namespace = null, ...init } = {}) =>
      runner.invoke(new Request(`http://localhost/api/v1/functions/${name}/invoke${path}`, init), {
        name,
        namespace,
        principal: "test",
        requestId: crypto.randomUUID(),
        ...(user !== undefined && { userId: parseUserId(user) }),
      }),
    until: (condition) =>
      new Promise((resolve) => {
        const look = () => {
          if (!condition()) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}

function codeOf(
  sources: ReadonlyMap<string, string>,
  settings: ReadonlyMap<string, Partial<FunctionSettings>>,
) {
  const known = new Map<string, Code>();
  const settingsOf = (name: string) => ({ ...NO_SETTINGS, ...settings.get(name) });
  const peek = (name: string): Code | undefined => {
    const code = sources.get(name);
    if (code === undefined) return undefined;
    if (known.get(name)?.code !== code) {
      known.set(name, { code, hash: crypto.randomUUID(), settings: settingsOf(name) });
    }
    return known.get(name);
  };
  return {
    peek,
    get: (name: string) =>
      Promise.reject(new AppError("FUNCTION_NOT_FOUND", `Function ${name} not found`)),
  };
}

function settingsWith(
  scope: SettingScope,
  values: Readonly<Record<string, string>>,
): ResolvedSettings {
  return buildSettings(
    Object.entries(values).map(([key, value]) => ({
      name: settingName(parseSettingKey(key)),
      scope,
      version: 1,
      value: Plaintext.fromText(value),
    })),
  );
}

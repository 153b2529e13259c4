/**
 * Who uses a secret, who may, and whether it can go.
 *
 * @module
 */
import { mayTouch } from "../deploy/access.ts";
import type { ReaderPlace, SecretReaders } from "../deploy/secret_readers.ts";
import { can, type Principal } from "../principal/principal.ts";
import type { Namespace, SecretRef } from "../resolve/ref.ts";
import type { SecretUsage, SecretUser } from "../store/secret_usage.ts";
import { allow } from "../vault/access.ts";
import type { AppContext } from "./env.ts";

/** Knows who has read a secret, and who may. */
export interface UsageReader {
  readonly runs: Pick<SecretUsage, "users">;
  readonly readers: Pick<SecretReaders, "of">;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Whoever deletes what was used since is warned, ms. */
const LATELY_MS = 7 * DAY_MS;

/**
 * Answers who has read a secret, and apart from that who may. The verdict counts everybody who has;
 * who they are is shown of those whose logs the caller may read, and who may of those whose code the
 * caller may look at.
 *
 * @throws {AppError} As `allow`, for who may not read the secret's metadata.
 */
export async function showUsage(
  c: AppContext,
  usage: UsageReader,
  ref: SecretRef,
): Promise<Response> {
  const principal = c.get("principal");
  allow(principal, "secrets:read", ref);
  const users = await usage.runs.users(ref);
  const visible = users.filter(({ name, namespace }) =>
    can(principal, "logs:read", { name, namespace: namespace as Namespace | null })
  );
  return c.json({
    name: ref.name,
    namespace: ref.namespace,
    last_read: users[0]?.last_read ?? null,
    used_by: visible,
    hidden: users.length - visible.length,
    verdict: verdictOf(users, new Date()),
    may_read: await mayRead(principal, usage, ref),
  });
}

async function mayRead(principal: Principal, { readers }: UsageReader, ref: SecretRef) {
  const { code, unclear, withheld } = await readers.of(ref);
  const shows = (place: ReaderPlace) => mayTouch(principal, place.kind, "read", place);
  const shown = { code: code.filter(shows), unclear: unclear.filter(shows) };
  const hidden = code.length + unclear.length - shown.code.length - shown.unclear.length;
  return { ...shown, hidden, withheld };
}

/**
 * What to tell somebody who has deleted a secret, as a field of the answer: nothing when nobody has
 * used it lately.
 *
 * @param options `forGood`: whether there is no way back.
 */
export async function deletionWarning(
  usage: UsageReader | undefined,
  ref: SecretRef,
  options: { readonly forGood: boolean },
): Promise<{ readonly warning?: string }> {
  if (usage === undefined) return {};
  const now = new Date();
  // It is deleted already: that nobody can be warned is no failure.
  const users = await usage.runs.users(ref).catch(() => []);
  const lately = users.filter(({ last_read }) => now.getTime() - last_read.getTime() < LATELY_MS);
  if (lately.length === 0) return {};
  const which = lately.length === 1 ? "a function or job" : `${lately.length} functions and jobs`;
  const read = `${ref.name} was read ${ago(lately[0]!.last_read, now)} by ${which}`;
  const wayBack = options.forGood
    ? "it is removed for good and can only be set again"
    : `to bring it back: fluxbase secrets restore ${ref.name}${flagOf(ref)}`;
  return { warning: `${read}; ${wayBack}` };
}

function verdictOf([last]: readonly SecretUser[], now: Date): string {
  if (last === undefined) return "not read by any run that is recorded";
  const age = ago(last.last_read, now);
  if (now.getTime() - last.last_read.getTime() < LATELY_MS) return `read ${age}: do not delete`;
  return `not read since ${age}`;
}

function ago(then: Date, now: Date): string {
  const ms = Math.max(0, now.getTime() - then.getTime());
  if (ms < MINUTE_MS) return "less than a minute ago";
  const [unit, size] = ms < HOUR_MS
    ? ["minute", MINUTE_MS] as const
    : ms < DAY_MS
    ? ["hour", HOUR_MS] as const
    : ["day", DAY_MS] as const;
  const count = Math.floor(ms / size);
  return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
}

function flagOf({ namespace }: SecretRef): string {
  return namespace === null ? "" : ` --namespace ${namespace}`;
}

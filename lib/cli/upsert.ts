/**
 * Writing what may or may not be there.
 *
 * @module
 */
import { CliError } from "./failure.ts";

/** The two ways to write a thing. */
export interface Upsert<T> {
  update(): Promise<T>;
  create(): Promise<T>;
  /** The error when it isn't there and must be. Left out, it is created then. */
  readonly missing?: (() => CliError) | undefined;
}

/** What was done. */
export interface Upserted<T> {
  readonly verb: "created" | "updated";
  readonly answer: T;
}

/** Updates; creates what isn't there; updates again when somebody else created it in between. */
export async function upsert<T>({ update, create, missing }: Upsert<T>): Promise<Upserted<T>> {
  try {
    return { verb: "updated", answer: await update() };
  } catch (error) {
    if (!hasStatus(error, 404)) throw error;
    if (missing !== undefined) throw missing();
  }
  let taken: unknown;
  try {
    return { verb: "created", answer: await create() };
  } catch (error) {
    if (!hasStatus(error, 409)) throw error;
    taken = error;
  }
  try {
    return { verb: "updated", answer: await update() };
  } catch (error) {
    // It is not there after all: something else stands in its way, and that is what to tell.
    throw hasStatus(error, 404) ? taken : error;
  }
}

function hasStatus(error: unknown, status: number): boolean {
  return error instanceof CliError && error.status === status;
}

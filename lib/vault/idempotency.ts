/**
 * Repeated requests: the same principal, key and request get the remembered answer.
 *
 * @module
 */
import { canonical, type Field } from "../crypto/canonical.ts";
import type { KeyRing } from "../crypto/keyring.ts";
import { AppError } from "../errors.ts";
import { isAuthentic } from "../resolve/associated_data.ts";
import { findAnswer, type RememberedAnswer } from "../store/idempotency.ts";
import type { Sql } from "../store/sql.ts";

const REQUEST = "fluxbase/request/v1";
const ANSWER_ROW = "fluxbase/row/answer/v1";

/** A request that may be repeated. */
export interface RepeatableRequest {
  /** Id of the principal. */
  readonly principal: string;
  /** What the client sent as Idempotency-Key. */
  readonly key: string;
  /** Everything that makes it this request and no other, values included. */
  readonly fields: readonly Field[];
}

/** Remembers and repeats answers. They are texts that hold no value. */
export class Idempotency {
  readonly #ring: KeyRing;

  constructor(ring: KeyRing) {
    this.#ring = ring;
  }

  /**
   * The answer that was given to `request`, if it came before.
   *
   * @throws {AppError} IDEMPOTENCY_KEY_REUSED when the key belongs to another request.
   * @throws {AppError} INTEGRITY_VIOLATION when the remembered answer was changed from outside.
   */
  async recall(sql: Sql, request: RepeatableRequest, now: Date): Promise<string | undefined> {
    const remembered = await findAnswer(sql, request.principal, request.key, now);
    if (remembered === undefined) return undefined;
    if (!this.isGenuine(remembered)) {
      throw new AppError("INTEGRITY_VIOLATION", "A remembered answer is not as it was written");
    }
    if (!this.#ring.verifyMac("digest", requestMessage(request), remembered.fingerprint)) {
      throw new AppError(
        "IDEMPOTENCY_KEY_REUSED",
        "Idempotency-Key was used for a different request",
      );
    }
    return remembered.body.answer;
  }

  /** The row to store together with what `request` changes. */
  remember(
    request: RepeatableRequest,
    answer: { readonly status: number; readonly text: string },
    now: Date,
  ): RememberedAnswer {
    const fingerprint = this.#ring.mac("digest", requestMessage(request));
    const { principal, key } = request;
    const unsigned = { principal, key, fingerprint, status: answer.status, createdAt: now };
    const mac = this.#ring.mac("row", answerMessage(unsigned, answer.text));
    return { ...unsigned, body: { answer: answer.text, mac: mac.toHex() } };
  }

  /** Tells whether a remembered answer is as it was written. */
  isGenuine({ body, ...unsigned }: RememberedAnswer): boolean {
    // Whoever writes to the database may have put anything there.
    const { answer, mac } = (body ?? {}) as Partial<Record<"answer" | "mac", unknown>>;
    if (typeof answer !== "string" || typeof mac !== "string") return false;
    if (!/^(?:[0-9a-f]{2})+$/.test(mac)) return false;
    return isAuthentic(this.#ring, () => answerMessage(unsigned, answer), Uint8Array.fromHex(mac));
  }
}

function requestMessage({ principal, key, fields }: RepeatableRequest): Uint8Array {
  return canonical(REQUEST, [principal, key, ...fields]);
}

function answerMessage(row: Omit<RememberedAnswer, "body">, text: string): Uint8Array {
  const { principal, key, fingerprint, status, createdAt } = row;
  return canonical(ANSWER_ROW, [principal, key, fingerprint, status, createdAt, text]);
}

/**
 * What this process has seen of heads: a place that goes back was put back from an old copy.
 *
 * @module
 */
import { sameBytes } from "../crypto/same_bytes.ts";
import { AppError } from "../errors.ts";
import { describePlace, type Head, type Place } from "./head.ts";

/** As far as a place was seen. */
interface Seen {
  readonly revision: number;
  readonly mac: Uint8Array;
}

/** Checks heads that were read after it was made. */
export type HeadCheck = (place: Place, head: Head | undefined) => void;

/**
 * Remembers the highest revision of each place for as long as the process runs. A consistent old
 * state of a place has nothing in it that tells its age, so only memory can.
 */
export class HeadWatch {
  readonly #seen = new Map<Place, Seen>();

  /** Notes a verified head that is stored, once its transaction has ended. */
  note({ place, revision, mac }: Head): void {
    const seen = this.#seen.get(place);
    if (seen === undefined || seen.revision < revision) this.#seen.set(place, { revision, mac });
  }

  /** The highest revision that was seen of a place; 0 when none was. */
  revision(place: Place): number {
    return this.#seen.get(place)?.revision ?? 0;
  }

  /** Forgets a place: an operator has looked at it. */
  forget(place: Place): void {
    this.#seen.delete(place);
  }

  /**
   * Makes a check for heads that are about to be read: they must not be older than what was seen by
   * now. What is seen meanwhile doesn't count, since a reading may have been overtaken by a write.
   *
   * The check throws INTEGRITY_VIOLATION, or notes the head.
   */
  begin(places: readonly Place[]): HeadCheck {
    const floor = new Map(places.map((place) => [place, this.#seen.get(place)]));
    return (place, head) => {
      const seen = floor.get(place);
      if (seen !== undefined && !follows(seen, head)) throw wentBack(place);
      if (head !== undefined) this.note(head);
    };
  }
}

function follows(seen: Seen, head: Head | undefined): boolean {
  if (head === undefined || head.revision < seen.revision) return false;
  return head.revision > seen.revision || sameBytes(head.mac, seen.mac);
}

function wentBack(place: Place): AppError {
  return new AppError(
    "INTEGRITY_VIOLATION",
    `Head of ${describePlace(place)} is older than what was read from there before`,
  );
}

/**
 * The settings of users that one child was given.
 *
 * A child serves many users. What belongs to one of them is sent once and named by a number from
 * then on, so that a call costs the same however much it is.
 *
 * @module
 */
import type { ResolvedSettings } from "../resolve/resolved_settings.ts";
import type { GrowingMasker } from "./mask/growing_masker.ts";
import { revealSettings } from "./setting_variables.ts";

/** How the child is told; the channel. */
export interface SettingsReceiver {
  giveSettings(number: number, values: Readonly<Record<string, string>> | null): void;
}

/** How many users' settings a child holds at once; the least recently used go first. */
export const MAX_HELD = 64;

/** Knows which settings the child holds under which number, and has their values masked. */
export class GivenSettings {
  readonly #child: SettingsReceiver;
  readonly #masker: GrowingMasker;
  /** The least recently used first. */
  readonly #numbers = new Map<ResolvedSettings, number>();
  #last = 0;

  constructor(child: SettingsReceiver, masker: GrowingMasker) {
    this.#child = child;
    this.#masker = masker;
  }

  /** The number of `settings` for the next request; the child is given them first if it must be. */
  numberOf(settings: ResolvedSettings): number {
    const number = this.#numbers.get(settings) ?? this.#give(settings);
    this.#numbers.delete(settings);
    this.#numbers.set(settings, number);
    if (this.#numbers.size > MAX_HELD) this.#takeOldest();
    return number;
  }

  #give(settings: ResolvedSettings): number {
    const number = ++this.#last;
    const revealed = revealSettings(settings);
    // Before the child has them: what it prints from then on is masked.
    this.#masker.add(Object.values(revealed));
    this.#child.giveSettings(number, revealed);
    return number;
  }

  #takeOldest(): void {
    const [oldest] = this.#numbers;
    if (oldest === undefined) return;
    this.#numbers.delete(oldest[0]);
    this.#child.giveSettings(oldest[1], null);
  }
}

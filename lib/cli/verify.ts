/**
 * `verify`, as the table has it.
 *
 * @module
 */
import { later } from "./later.ts";
import type { Command } from "./table.ts";

/** `verify`. */
export const verify: Command = {
  name: "verify",
  summary: "Check that everything stored is as it was written",
  flags: [
    { name: "anchor", value: "FILE", help: "Compare with what FILE noted last, and note it anew" },
    { name: "accept", value: "PLACE", help: "Take what PLACE has now for right" },
    { name: "discard-damaged", help: "With --accept: remove what is not as it was written" },
  ],
  notes: [
    "Opens every value, checks every row and every head, and says what is wrong with what; values " +
    "are never shown. Ends with 1 when anything is.",
    "FILE belongs on another machine than the database: it tells a whole database, or a namespace, " +
    "that was put back from an old copy, which nothing in it can. It is made when it isn't there, " +
    "and left as it is when something is wrong.",
    "A namespace of which a row was removed or put back stays closed until somebody has looked and " +
    "accepts it. PLACE is a namespace, @global, @namespaces, or a set such as @service_keys. What " +
    "was removed doesn't come back: set it again.",
  ],
  examples: [
    "verify",
    "verify --anchor anchor.json",
    "verify --accept production",
    "verify --accept production --discard-damaged",
  ],
  load: async () => (await later<typeof import("./verify_run.ts")>("./verify_run.ts")).verifyStored,
};

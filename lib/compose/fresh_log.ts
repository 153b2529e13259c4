/**
 * The log as it is read: whoever looks right after a call finds it, though calls are written down
 * in batches behind them.
 *
 * @module
 */
import type { ExecutionStore } from "../store/executions.ts";
import type { LogReader } from "../store/log_lines.ts";

/** The readers of the log, each of which lets `settle` write what waits first. */
export function freshLog(store: ExecutionStore, log: LogReader, settle: () => Promise<void>) {
  const first = <A extends unknown[], R>(read: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      await settle();
      return await read(...args);
    };
  };
  return {
    executions: first(store.executions.bind(store)),
    lines: first(store.lines.bind(store)),
    find: first(log.find.bind(log)),
    stats: first(log.stats.bind(log)),
  };
}

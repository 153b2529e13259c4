/** What a handler is told of its job, as its second argument. */
interface Job {
  readonly id: string;
  readonly name: string;
  readonly namespace: string | null;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Aborts when the job is cancelled or runs out of time. */
  readonly signal: AbortSignal;
  progress(percent: number, message?: string): void;
}

/** Reports how far it has come, stops when it is told to, and returns a result. */
export default async function handler(payload: { days?: number } | null, job: Job) {
  const days = payload?.days ?? 7;
  let rows = 0;
  for (let day = 1; day <= days; day++) {
    job.signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 200));
    rows += day * 10;
    job.progress(100 * day / days, `day ${day} of ${days}`);
  }
  console.log(`job ${job.id}, attempt ${job.attempt}: ${rows} rows`);
  return { days, rows };
}

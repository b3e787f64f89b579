/** What every benchmark gives: figures that others rely on, and what it could not measure. */
export interface BenchmarkResult {
  readonly figures: Readonly<Record<string, Figure>>;
  /** Figures that this machine cannot give, each with the reason. */
  readonly skipped: readonly { readonly figure: string; readonly reason: string }[];
  /** What was measured and how, in a few lines for the reader. */
  readonly notes: readonly string[];
}

export type Figure = number | string | boolean | null | { readonly [name: string]: Figure };

export interface BenchmarkOptions {
  /** Alternating rounds; figures are medians over them. */
  readonly rounds: number;
  /** Folder of recorded cases, for the benchmarks that need real profiles and traces. */
  readonly cases: string;
  /** Tells what is going on, where somebody watches. */
  readonly progress: (message: string) => void;
}

export type Benchmark = (options: BenchmarkOptions) => Promise<BenchmarkResult>;

/** Middle of the sorted values, the mean of the two middle ones for an even number; NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** Three significant digits: benchmarks are not more exact than that. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/**
 * Ideas of the method that can be left out, to measure what each is worth (`perfscope eval --without`, docs/method.md).
 * Production leaves out none.
 */
export const ideas = {
  attribution: 'the hidden Markov model: calls are shared out over the places of their symbol instead',
  traits: 'descriptor history, thread role and loop round as evidence of the place',
  'loop-folding': 'loops folded before attribution',
  specificity: 'functions on the stack of everything count less',
  'prefer-inner': 'a caller that adds nothing is ranked behind its callee',
  wrappers: 'functions with one call per invocation are no loop’s home',
  'new-symbols': 'calls with results that no profile shows count more',
  dispatch: 'the dispatch call counts less',
  roles: 'threads of different roles are judged each by its own',
  episodes: 'episodes that match the abnormal units',
  'pool-work': 'a pool thread’s calls belong to who woke it (mining)',
} as const;

export type Idea = keyof typeof ideas;

export interface MethodOptions {
  readonly without: ReadonlySet<Idea>;
  /** The paper's own ranking, by the largest increase in time or frequency of the units that the episodes match. */
  readonly paperRanking: boolean;
}

export const wholeMethod: MethodOptions = { without: new Set(), paperRanking: false };

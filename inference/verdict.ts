/** What is wrong with the service in this window. */
export type Verdict = 'hang' | 'slowdown' | 'spin' | 'normal';

export type Confidence = 'high' | 'medium' | 'low';

import type { SkipKind } from './skip-table.ts';

/** What pairing calls with their returns leaves over: the same words whatever the source. */
export interface PairingSkips {
  readonly beforeWindow: SkipKind;
  readonly lostEnter: SkipKind;
  readonly lostReturn: SkipKind;
}

/** @param remedy what to do where the recorder lost events */
export function pairingSkips(remedy: string): PairingSkips {
  return {
    beforeWindow: {
      reason: 'returns of calls that began before the window, or before a fork',
      severity: 'info',
      remedy: '',
    },
    lostEnter: { reason: 'returns whose beginning was not recorded', severity: 'loss', remedy },
    lostReturn: {
      reason: 'calls whose return was not recorded: kept, with duration 0 and no result',
      severity: 'loss',
      remedy,
    },
  };
}

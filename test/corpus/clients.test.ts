import { describe, expect, it } from 'vitest';
import { type ClientRequest, clientView } from '../../corpus/clients.ts';

/** One request a tenth of a second from 0 to 40. */
function requests(one: (at: number) => Partial<ClientRequest>): ClientRequest[] {
  return Array.from({ length: 400 }, (_, i) => ({
    startSeconds: i / 10,
    kind: 'get',
    durationSeconds: 0.01,
    ok: true,
    why: '',
    ...one(i / 10),
  }));
}
const view = (list: ClientRequest[], latencyFree: string[] = []) => clientView(list, 0, 20, 40, latencyFree);

describe('clientView', () => {
  it('says that nobody notices when nothing changes', () => {
    const same = view(requests(() => ({})));
    expect(same).toMatchObject({ clientsNotice: false, slower: {}, perSecondBefore: 10, perSecondAfter: 10 });
    expect(same.firstFailureAfterSeconds).toBeNull();
  });

  it('sees a median that doubles, but not one that only doubles in microseconds', () => {
    const slower = (after: number) => requests((at) => ({ durationSeconds: at < 20 ? 0.01 : after }));
    expect(view(slower(0.05)).slower).toHaveProperty('get');
    expect(view(slower(0.05)).clientsNotice).toBe(true);
    expect(view(slower(0.025)).clientsNotice).toBe(false);
  });

  it('sees a slow tail of many requests, and not the largest of a few', () => {
    const tail = (every: number) =>
      requests((at) => ({ kind: Math.round(at * 10) % every === 0 ? 'rare' : 'get', durationSeconds: 0.01 }));
    const slowTail = requests((at) => ({
      durationSeconds: at > 20 && Math.round(at * 10) % 5 === 0 ? 0.5 : 0.01,
    }));
    expect(view(slowTail).slower).toHaveProperty('get');
    const few = tail(50).map((request) =>
      request.kind === 'rare' && request.startSeconds > 38 ? { ...request, durationSeconds: 0.5 } : request,
    );
    expect(view(few).clientsNotice).toBe(false);
  });

  it('counts latency of kinds that wait on purpose for nothing, but their failures', () => {
    expect(
      view(
        requests((at) => ({ durationSeconds: at < 20 ? 0.01 : 5 })),
        ['get'],
      ).clientsNotice,
    ).toBe(false);
    expect(
      view(
        requests((at) => ({ ok: at < 20 })),
        ['get'],
      ).clientsNotice,
    ).toBe(true);
  });

  it('sees failures from three on, and says when the first one came', () => {
    const failing = (count: number) => {
      let left = count;
      return requests((at) => (at >= 25 && left-- > 0 ? { ok: false } : {}));
    };
    expect(view(failing(2)).clientsNotice).toBe(false);
    const many = view(failing(30));
    expect(many.clientsNotice).toBe(true);
    expect(many.firstFailureAfterSeconds).toBeCloseTo(5.01, 3);
    expect(many.failedAfter).toEqual([30, 180]);
  });

  it('sees requests that never end', () => {
    expect(view(requests(() => ({})).filter(({ startSeconds }) => startSeconds < 30)).clientsNotice).toBe(
      true,
    );
  });
});

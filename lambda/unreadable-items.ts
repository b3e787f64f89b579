/** Says, for people and for an alarm, that an incident goes on without something that the table holds of it. */
import type { Observer, UnreadableItem } from './ports.ts';

export function tellOfUnreadable(observer: Observer, items: readonly UnreadableItem[]): void {
  for (const { key, problem } of items) {
    observer.error(
      'an item of the incident cannot be read, so the incident goes on without it: run the incident again',
      { item: key, problem },
    );
    observer.count('UnreadableItems', 1);
  }
}

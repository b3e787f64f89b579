import { callName } from '../../syscalls/call-names.ts';
import { neverReturns, RESTART, returnsAddress, takesDescriptorFirst } from '../../syscalls/call-traits.ts';
import type { Architecture } from '../../trace.ts';
import { NO_CALL_NUMBER } from './ring-log.ts';

const UNKNOWN = -1;

/** Call numbers as indices into the names that this trace shows, with what the pairing has to know of each. */
export class CallKinds {
  readonly names: string[] = [];
  readonly #architecture: Architecture;
  readonly #indexOf = new Int32Array(NO_CALL_NUMBER + 1).fill(UNKNOWN);
  readonly #traits: number[] = [];

  constructor(architecture: Architecture) {
    this.#architecture = architecture;
  }

  index(number: number): number {
    const known = this.#indexOf[number]!;
    return known === UNKNOWN ? this.#add(number) : known;
  }

  hasDescriptor(index: number): boolean {
    return (this.#traits[index]! & 1) !== 0;
  }

  hidesResult(index: number): boolean {
    return (this.#traits[index]! & 2) !== 0;
  }

  returnsNever(index: number): boolean {
    return (this.#traits[index]! & 4) !== 0;
  }

  isRestart(index: number): boolean {
    return (this.#traits[index]! & 8) !== 0;
  }

  #add(number: number): number {
    const name = callName(this.#architecture, number === NO_CALL_NUMBER ? -1 : number);
    let index = this.names.indexOf(name);
    if (index < 0) {
      index = this.names.length;
      this.names.push(name);
      this.#traits.push(
        (takesDescriptorFirst.has(name) ? 1 : 0) |
          (returnsAddress.has(name) ? 2 : 0) |
          (neverReturns.has(name) ? 4 : 0) |
          (name === RESTART ? 8 : 0),
      );
    }
    this.#indexOf[number] = index;
    return index;
  }
}

import { GREATEST_WINDOW_SECONDS } from '../clock.ts';
import type { CutFile, CutRequest } from '../cut.ts';
import { ShipperError } from '../errors.ts';
import { forgetDrains } from '../ring/drained-pages.ts';
import { makeDirectory, tryToWrite } from '../unwritable.ts';
import { isArmed, leaveOutSelf, ringStats } from './arm-ring.ts';
import { cutTrace } from './cut-trace.ts';
import { drainRing } from './drain-ring.ts';
import { headerPage, pageBytesOf } from './header-page.ts';
import { drainMarker, pageDirectories } from './page-directories.ts';
import { instancePath, requireTracefs } from './tracefs.ts';

/** Drained pages are kept up to this many times the ring's memory, however long the incident lasts. */
const KEPT_RINGS = 2;

/** Takes what is in the ring, and cuts the window out of it and of what was taken before. */
export function cutRing(request: CutRequest): CutFile {
  const { armed, directories } = request;
  const tracefs = requireTracefs();
  if (!isArmed(tracefs, armed.service)) {
    throw new ShipperError(
      `expected the ring of ${armed.service} in ${instancePath(tracefs, armed.service)}, but it is gone: arm it again by «perfscope record --service ${armed.service} …»`,
    );
  }
  const instance = instancePath(tracefs, armed.service);
  leaveOutSelf(instance);
  const pageBytes = pageBytesOf(headerPage(tracefs, instance));
  const pages = pageDirectories(directories, armed.service);
  const marker = drainMarker(directories, armed.service);
  tryToWrite(() => makeDirectory(directories.state));

  const nowNs = process.hrtime.bigint();
  const stats = ringStats(instance);
  // What the ring holds now is about to be drained as well: together they stay below the limit.
  const inRing = stats.reduce((sum, cpu) => sum + cpu.stats.bytes, 0);
  forgetDrains(pages, oldestNeeded(nowNs, request.window), armed.capBytes * KEPT_RINGS - inRing, pageBytes);
  const left = drainRing({ instance, pageBytes, directories: pages, marker, untilNs: nowNs });
  const warnings =
    left === null
      ? []
      : [
          `no room for all pages of the ring in ${pages.join(' or ')} (${left}): what was not taken stays in the ring; make room and ship once more (--again)`,
        ];
  const cut = cutTrace({
    instance,
    tracefs,
    pageDirectories: pages,
    armed,
    threads: armed.threads,
    stats,
    clock: request.clock,
    window: request.window,
    requestedSeconds: request.requestedSeconds,
    alarmAt: request.alarmAt,
    incident: request.incident,
    warnings,
  });
  const { monotonicSeconds, realtimeSeconds } = request.clock;
  return {
    file: 'trace.dat',
    chunks: cut.chunks,
    warnings: cut.recording.warnings,
    clock: { traceSeconds: monotonicSeconds, realtimeSeconds },
  };
}

/** Windows reach back some minutes from now, or as far as this one does. */
export function oldestNeeded(nowNs: bigint, window: { readonly fromSeconds: number }): bigint {
  const usual = nowNs - BigInt(GREATEST_WINDOW_SECONDS) * 1_000_000_000n;
  const asked = BigInt(Math.max(0, Math.floor(window.fromSeconds * 1e9)));
  return asked < usual ? asked : usual;
}

/**
 * The incident's picture: what all its nodes' reports say together. Pure, and the same for every order in which the
 * reports arrived.
 *
 * Suspects of several nodes are merged by reciprocal rank fusion: score(f) = Σ over affected nodes 1/(60 + rank of f)
 * (Cormack, Clarke, Büttcher: "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods",
 * SIGIR 2009, with its constant 60). It needs ranks only: abnormality ratios of two nodes do not compare, and one
 * node with a wild ratio cannot outvote the fleet. Healthy nodes name nobody and so do not vote.
 */
import type { NodeReport, NodeSuspect, Picture, PictureSuspect, Scope } from '../../report/incident.ts';
import { bestConfidence, commonVerdict, isAffected } from './verdicts.ts';

/** k of Cormack et al. 2009, section 2. */
export const FUSION_K = 60;

/** Share of the reporting nodes from which on a fault counts as fleet-wide. */
export const FLEET_SHARE = 0.8;

/** Suspects that a picture names. */
export const PICTURE_SUSPECTS = 5;

/** `unreadable`: the node of each stored report that cannot be read; one without another report has no verdict. */
export function drawPicture(reports: readonly NodeReport[], unreadable: readonly string[] = []): Picture {
  const perNode = latestPerNode(reports);
  const affected = perNode.filter(isAffected);
  const healthy = perNode.filter((report) => report.verdict !== null && !isAffected(report));
  const failed = new Set([
    ...perNode.filter((report) => report.verdict === null).map((report) => report.node),
    ...unreadable.filter((node) => perNode.every((report) => report.node !== node)),
  ]);
  const suspects = fuse(affected);
  return {
    verdict: commonVerdict(affected),
    confidence: bestConfidence(affected),
    scope: scopeOf(affected.length, affected.length + healthy.length),
    affected: affected.map((report) => report.node),
    healthy: healthy.map((report) => report.node),
    failed: [...failed].sort(compareText),
    first: firstAffected(affected),
    suspects,
    worst: worstReport(affected, suspects),
    reports: reports.length + unreadable.length,
  };
}

/** Whether there is anything to tell: nobody is paged for healthy nodes. */
export function hasFinding({ affected }: Picture): boolean {
  return affected.length > 0;
}

/** A node may ship more than once (a second alarm): an affected report outweighs a healthy one, then the latest. */
function latestPerNode(reports: readonly NodeReport[]): NodeReport[] {
  const byNode = new Map<string, NodeReport>();
  for (const report of reports) {
    const held = byNode.get(report.node);
    if (held === undefined || precedes(held, report)) byNode.set(report.node, report);
  }
  return [...byNode.values()].sort((a, b) => compareText(a.node, b.node));
}

function precedes(held: NodeReport, candidate: NodeReport): boolean {
  if (weight(held) !== weight(candidate)) return weight(held) < weight(candidate);
  if (held.tracedAt !== candidate.tracedAt) return held.tracedAt < candidate.tracedAt;
  return held.report < candidate.report;
}

function weight(report: NodeReport): number {
  return isAffected(report) ? 2 : report.verdict !== null ? 1 : 0;
}

function fuse(affected: readonly NodeReport[]): PictureSuspect[] {
  const fused = new Map<string, { suspect: NodeSuspect; score: number; nodes: string[] }>();
  for (const report of affected) {
    report.suspects.forEach((suspect, index) => {
      const key = `${suspect.object}\n${suspect.function}`;
      const held = fused.get(key);
      const score = 1 / (FUSION_K + index + 1);
      if (held === undefined) {
        fused.set(key, { suspect, score, nodes: [report.node] });
      } else {
        held.score += score;
        held.nodes.push(report.node);
        if ((suspect.abnormality ?? 0) > (held.suspect.abnormality ?? 0)) held.suspect = suspect;
      }
    });
  }
  return [...fused.values()]
    .sort(
      (a, b) =>
        b.score - a.score ||
        (b.suspect.abnormality ?? 0) - (a.suspect.abnormality ?? 0) ||
        compareText(a.suspect.function, b.suspect.function) ||
        compareText(a.suspect.object, b.suspect.object),
    )
    .slice(0, PICTURE_SUSPECTS)
    .map(({ suspect, score, nodes }) => ({ ...suspect, fusedScore: score, nodes }));
}

function scopeOf(affected: number, judged: number): Scope {
  if (affected === 0) return 'none';
  if (judged === 1) return 'unknown';
  if (affected === 1) return 'one-node';
  return affected / judged >= FLEET_SHARE ? 'fleet' : 'several-nodes';
}

function firstAffected(affected: readonly NodeReport[]): Picture['first'] {
  let first: Picture['first'] = null;
  for (const report of affected) {
    const onset = report.onsetUnixSeconds;
    if (onset !== null && (first === null || onset < first.onsetUnixSeconds))
      first = { node: report.node, onsetUnixSeconds: onset };
  }
  return first;
}

/** Of the nodes that name the leading suspect, the one where it is most abnormal. */
function worstReport(
  affected: readonly NodeReport[],
  suspects: readonly PictureSuspect[],
): NodeReport | null {
  const leading = suspects[0]?.function;
  let worst: NodeReport | null = null;
  let worstAbnormality = -1;
  for (const report of affected) {
    const abnormality = report.suspects.find((suspect) => suspect.function === leading)?.abnormality ?? 0;
    if (abnormality > worstAbnormality) {
      worst = report;
      worstAbnormality = abnormality;
    }
  }
  return worst;
}

/** Code unit order: the same on every machine, unlike localeCompare. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

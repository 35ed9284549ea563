import { relative } from 'node:path';
import type { LocalStatus } from './status.ts';
import { renderShares, renderTraffic } from './traffic.ts';

/** Shown below a working directory, a path is easier to read and to type. */
export function shortPath(path: string, cwd: string): string {
  const below = relative(cwd, path);
  return below === '' || below.startsWith('..') ? path : below;
}

/** A line and how it is to stand out. */
export interface ScreenLine {
  readonly text: string;
  readonly style: 'plain' | 'title' | 'dim' | 'bad';
}

/** The whole view as lines. Pure. */
export function renderScreen(status: LocalStatus, cwd: string): ScreenLine[] {
  const lines: ScreenLine[] = [];
  const add = (style: ScreenLine['style'], ...texts: string[]): void => {
    for (const text of texts) lines.push({ text, style });
  };
  const section = (title: string): void => add('title', '', title);

  const { pods, controlPlane, problems, tip } = status;
  add('title', `Remora, local mode: ${shortPath(status.folder, cwd)}`);
  add('plain', `${summary(status)}`);
  if (!controlPlane.running) {
    add('bad', `control plane: ${controlPlane.reason}. The mesh goes on with what it knows.`);
  }

  section('Traffic of the last 10 seconds');
  if (status.edges.length === 0) {
    add('dim', controlPlane.running ? 'none yet' : 'not known while the control plane is away');
  } else {
    const [heading = '', ...rows] = renderTraffic(status.edges);
    add('dim', heading);
    add('plain', ...rows);
  }
  const shares = renderShares(status.edges);
  if (shares.length > 0) {
    section('Shares by route');
    add('plain', ...shares);
  }

  const restless = pods.flatMap((pod) => podLines(pod));
  if (restless.length > 0) {
    section('Pods that are not ready');
    add('plain', ...restless);
  }
  if (status.jobs.length > 0) {
    section('Jobs');
    for (const job of status.jobs) {
      const counts = `${job.succeeded} of ${job.completions} done`;
      const failures = job.failed === 0 ? '' : `, ${job.failed} failed`;
      add(
        job.state === 'failed' ? 'bad' : 'plain',
        `${job.namespace}/${job.name}: ${job.state}, ${counts}${failures}`,
      );
    }
  }
  if (problems.length > 0) {
    section('Problems');
    for (const { where, message } of problems) add('bad', `${shortPath(where, cwd)}: ${message}`);
  }

  add('plain', '');
  if (tip !== undefined) {
    add(
      'dim',
      `Try: change the weights of ${tip.route} in ${shortPath(tip.path, cwd)} and save the file.`,
    );
  }
  add('dim', `Logs: ${shortPath(status.logs, cwd)}   Stop: Ctrl-C`);
  return lines;
}

function summary({ mode, uptimeMs, pods, controlPlane }: LocalStatus): string {
  const living = pods.filter((pod) => pod.phase !== 'Succeeded');
  const ready = living.filter((pod) => pod.ready).length;
  const sidecars = living.filter((pod) => pod.injected).length;
  const seconds = Math.round(uptimeMs / 1000);
  const time = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return [
    mode,
    `${ready} of ${living.length} pods ready`,
    `${sidecars} with a sidecar`,
    `control plane ${controlPlane.running ? 'up' : 'away'}`,
    time,
  ].join(' · ');
}

function podLines(pod: LocalStatus['pods'][number]): string[] {
  if (pod.phase === 'Succeeded' || (pod.ready && !pod.terminating)) return [];
  const waiting = pod.containers.find((container) => container.state !== 'running');
  const why = pod.terminating ? 'on its way out' : pod.phase;
  const detail = waiting === undefined ? '' : `, ${waiting.name}: ${waiting.detail}`;
  return [`${pod.namespace}/${pod.name}: ${why}${detail}`];
}

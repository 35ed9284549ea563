import type { Carriage } from './carriage.ts';
import type { Subject } from './subject.ts';
import type { ToolName } from './tools.ts';

/** The checks of one protocol. */
export interface Suite {
  readonly name: string;
  readonly title: string;
  /** What the machine must have. */
  readonly needs: readonly ToolName[];
  /** In `manifests/`; the servers. */
  readonly manifest: string;
  /** The services of the manifest, and how the sidecars may carry each: one of these. */
  readonly services: Readonly<Record<string, readonly Carriage[]>>;
  /** Part of `npm test`. */
  readonly quick: boolean;
  /**
   * What is to be done before the servers start.
   *
   * @param files the folder that pods have as `/app`
   * @returns why the suite cannot run; undefined when it can
   */
  prepare?(files: string): Promise<string | undefined>;
  run(subject: Subject): Promise<void>;
}

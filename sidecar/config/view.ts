import type { Config, ServiceName } from './types.ts';

/**
 * The configuration as the data path uses it: what is in force now, and a way to
 * ask for details that have not been used so far.
 */
export interface ConfigView {
  readonly current: Config;
  /** Called after each change, with both states; returns the way to stop it. */
  onChange(listener: (next: Config, previous: Config) => void): () => void;
  /**
   * Asks for the routes and endpoints of a service, or for who answers at an
   * address. Repeated calls cost nothing. The answer arrives as a change; while
   * the control plane is away it may take long, so a caller sets its own limit.
   */
  wantService(service: ServiceName): void;
  wantAddress(address: string): void;
}

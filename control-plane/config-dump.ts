import { type AdminHandler, jsonResponse } from '../runtime/admin-server.ts';
import type { Elections } from './election/service.ts';
import type { Mesh } from './snapshot/mesh-state.ts';
import type { StatusSink } from './status/sinks.ts';
import type { ConfigSessions } from './stream/sessions.ts';

export interface DumpInputs {
  readonly mesh: Mesh;
  readonly sessions: ConfigSessions;
  readonly elections: Elections;
  readonly sink: Pick<StatusSink, 'statuses'>;
}

/**
 * `/config_dump`: what the control plane knows, its problems and verdicts, and
 * who is connected. With `?pod=<namespace>/<name>`, what that pod's sidecar is
 * sent. Holds no keys or tokens.
 */
export function configDump({ mesh, sessions, elections, sink }: DumpInputs): AdminHandler {
  return (request) => {
    const pod = new URL(request.url ?? '/', 'http://localhost').searchParams.get('pod');
    if (pod === null) {
      return jsonResponse({
        synced: mesh.synced,
        ...mesh.dump(),
        conducted: elections.describe(),
        ...(sink.statuses === undefined ? {} : { statuses: sink.statuses }),
        sidecars: [...sessions].map((session) => session.name).sort(),
      });
    }
    const found = sessions.ofPod(pod);
    if (found.length === 0) {
      return {
        status: 404,
        body: `no sidecar of pod ${pod} is connected to this replica (the form is ?pod=<namespace>/<name>)\n`,
      };
    }
    return jsonResponse(found.map((session) => session.describe()));
  };
}

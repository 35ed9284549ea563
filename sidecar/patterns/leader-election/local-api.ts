import type { ServerResponse } from 'node:http';
import type { AdminHandler, AdminResponse } from '../../../runtime/admin-server.ts';
import type { Campaign } from './campaign.ts';

/** Of HTTP: 423 Locked says that another one holds it. */
const LEADER = 200;
const FOLLOWER = 423;
const UNKNOWN = 503;

/**
 * What an application asks on the loopback:
 * - `GET /v1/leader[?election=name]`: who leads, as JSON; the status alone tells
 *   the leader (200) from a follower (423); 503 while it is unknown.
 * - `GET /v1/leader?watch`: the same as server-sent events, one at each change.
 * - `GET /`: `{"name": "<pod>"}`, as Kubernetes' old leader-elector answered.
 *
 * The election may be left out when the pod is a candidate in just one.
 */
export function leaderRoutes(campaign: Campaign): Record<string, AdminHandler> {
  return {
    '/': (request) => {
      const asked = askedElection(campaign, request.url);
      if (typeof asked !== 'string') return asked;
      const leadership = campaign.leadership(asked);
      const name =
        leadership === undefined || leadership.kind === 'unknown' ? '' : leadership.leader;
      return json(name === '' ? UNKNOWN : 200, { name });
    },
    '/v1/leader': (request, response) => {
      const asked = askedElection(campaign, request.url);
      if (typeof asked !== 'string') return asked;
      if (!parametersOf(request.url).has('watch')) return answer(campaign, asked);
      watch(campaign, asked, response);
      return undefined;
    },
  };
}

function answer(campaign: Campaign, election: string): AdminResponse {
  const leadership = campaign.leadership(election);
  if (leadership === undefined) {
    return json(404, { error: `this pod is no candidate of the election "${election}" any more` });
  }
  if (leadership.kind === 'unknown') {
    const { reason } = leadership;
    return json(UNKNOWN, {
      election,
      leader: null,
      isLeader: false,
      term: null,
      expiresInMs: 0,
      reason,
    });
  }
  const { kind, leader, term, expiresInMs } = leadership;
  return json(kind === 'leader' ? LEADER : FOLLOWER, {
    election,
    leader,
    isLeader: kind === 'leader',
    term,
    expiresInMs,
  });
}

/** One event now and at each change, until the client goes. */
function watch(campaign: Campaign, election: string, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const send = (): void => {
    response.write(`event: leader\ndata: ${answer(campaign, election).body.trim()}\n\n`);
  };
  const unsubscribe = campaign.onChange((changed) => {
    if (changed === election) send();
  });
  response.once('close', unsubscribe);
  send();
}

/** The election's name, or the answer when it cannot be told which one is meant. */
function askedElection(campaign: Campaign, url: string | undefined): string | AdminResponse {
  const { elections } = campaign;
  const named = parametersOf(url).get('election');
  if (named !== null) {
    if (elections.includes(named)) return named;
    const error = `this pod is no candidate of an election "${named}"`;
    return json(404, { error, elections });
  }
  const [only, ...others] = elections;
  if (only !== undefined && others.length === 0) return only;
  if (only === undefined) {
    const error = 'this pod is a candidate in no election: does a LeaderElection select it?';
    return json(UNKNOWN, { error, elections });
  }
  return json(400, {
    error: 'there are several elections: say which, ?election=<name>',
    elections,
  });
}

function parametersOf(url: string | undefined): URLSearchParams {
  const query = url?.indexOf('?') ?? -1;
  return new URLSearchParams(query < 0 ? '' : url?.slice(query));
}

function json(status: number, value: object): AdminResponse {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value)}\n` };
}

import type { Suite } from './suite.ts';
import { curl } from './suites/curl.ts';
import { disruption } from './suites/disruption.ts';
import { eventStream } from './suites/event-stream.ts';
import { grpc } from './suites/grpc.ts';
import { grpcGo } from './suites/grpc-go.ts';
import { http2 } from './suites/http2.ts';
import { mariadb } from './suites/mariadb.ts';
import { memcached } from './suites/memcached.ts';
import { postgresql } from './suites/postgresql.ts';
import { redis } from './suites/redis.ts';
import { smtp } from './suites/smtp.ts';
import { tcp } from './suites/tcp.ts';
import { tls } from './suites/tls.ts';
import { websocket } from './suites/websocket.ts';

/** In the order in which they run. */
export const SUITES: readonly Suite[] = [
  ...[curl, eventStream, websocket, http2, grpc, smtp, tcp],
  ...[grpcGo, redis, postgresql, mariadb, memcached, tls, disruption],
];

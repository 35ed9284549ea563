import type { Suite } from './suite.ts';
import { curl } from './suites/curl.ts';
import { eventStream } from './suites/event-stream.ts';
import { grpc } from './suites/grpc.ts';
import { http2 } from './suites/http2.ts';
import { tcp } from './suites/tcp.ts';
import { websocket } from './suites/websocket.ts';

/** In the order in which they run. */
export const SUITES: readonly Suite[] = [curl, eventStream, websocket, http2, grpc, tcp];

/** All servers that need nothing but Node, in one process. The last to listen is the one of gRPC. */
import './http-server.ts';
import './websocket-server.ts';
import './tcp-server.ts';
import './grpc-server.ts';

process.on('SIGTERM', () => process.exit());

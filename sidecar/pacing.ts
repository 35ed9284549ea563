import type { Clock } from '../runtime/clock.ts';
import { PacedBody } from './paced-body.ts';
import { type BodySource, RequestBody } from './request-body.ts';

export interface PacingOptions<Trailers> {
  readonly bytesPerSecond: number;
  readonly isOver: () => boolean;
  readonly clock: Clock;
  readonly client: BodySource;
  /** What came of the request so far. No attempt got any of it. */
  readonly came: RequestBody<Trailers>;
  readonly toClient: {
    /** False asks to wait for `response.unblock`. */
    add(bytes: Buffer, last: boolean): boolean;
    end(trailers: Trailers | undefined): void;
  };
  /** The attempt under way. */
  readonly server: () => { pause(): void; resume(): void } | undefined;
}

/** The two bodies of one exchange, each at the same rate. */
export class Pacing<Trailers> {
  /** Takes what comes of the request, and passes it on to {@link body}. */
  readonly request: PacedBody<Trailers>;
  readonly body: RequestBody<Trailers>;
  readonly response: PacedBody<Trailers>;
  /** Who takes the request's body asks here to wait. */
  readonly source: BodySource;

  constructor(options: PacingOptions<Trailers>) {
    const { bytesPerSecond, isOver, clock, client, came, toClient, server } = options;
    const rate = { bytesPerSecond, isOver, clock };
    const request: PacedBody<Trailers> = new PacedBody({
      ...rate,
      sink: {
        write: (bytes, last) => this.body.add(bytes, last),
        end: (trailers) => this.body.end(trailers),
      },
      source: { pause: () => client.pauseRequest(), resume: () => client.resumeRequest() },
    });
    const response: PacedBody<Trailers> = new PacedBody({
      ...rate,
      sink: {
        write: (bytes, last) => {
          if (!toClient.add(bytes, last)) response.block();
        },
        end: (trailers) => toClient.end(trailers),
      },
      source: { pause: () => server()?.pause(), resume: () => server()?.resume() },
    });
    this.request = request;
    this.response = response;
    this.source = {
      pauseRequest: () => request.block(),
      resumeRequest: () => request.unblock(),
    };
    this.body = new RequestBody(this.source);
    this.body.keep = came.keep;
    // It may have asked the client to wait.
    client.resumeRequest();
    came.copyTo({
      onBody: (bytes, last) => request.add(bytes, last),
      onBodyEnd: (trailers) => request.end(trailers),
    });
  }

  stop(): void {
    this.request.stop();
    this.response.stop();
  }
}

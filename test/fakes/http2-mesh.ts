import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { HttpRule, Policy, Protocol } from '../../sidecar/config/types.ts';
import { echo, type Http2Application, http2Application } from './http2-application.ts';
import { pod, SERVICE } from './pods.ts';
import { NO_POLICY, type TestSidecar } from './sidecars.ts';

/** What a program does with a request. */
export type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** Two pods, `web` calling the service of `cart`. */
export async function meshed(
  protocol: Protocol = 'http2',
  onStream: OnStream = echo,
): Promise<{ web: TestSidecar; cart: TestSidecar; app: Http2Application }> {
  const [web, cart] = [await pod('web'), await pod('cart')];
  const app = await http2Application(cart.options.address, onStream);
  web.view.service('shop/cart', SERVICE.host, SERVICE.port, protocol, [
    cart.endpoint({ [SERVICE.port]: app.port }),
  ]);
  web.redirected = SERVICE;
  return { web, cart, app };
}

/** One pod, and two behind the service that it calls. */
export async function twoCarts(onStreams: [OnStream, OnStream]): Promise<{
  web: TestSidecar;
  carts: { cart: TestSidecar; app: Http2Application }[];
}> {
  const web = await pod('web');
  const carts = [];
  for (const onStream of onStreams) {
    const cart = await pod('cart');
    carts.push({ cart, app: await http2Application(cart.options.address, onStream) });
  }
  web.view.service(
    'shop/cart',
    SERVICE.host,
    SERVICE.port,
    'http2',
    carts.map(({ cart, app }) => cart.endpoint({ [SERVICE.port]: app.port })),
  );
  web.redirected = SERVICE;
  return { web, carts };
}

/** Answers with a name. */
export const named =
  (name: string): OnStream =>
  (stream) => {
    stream.respond({ ':status': 200 });
    stream.end(name);
  };

/** Of the service that `web` calls. */
export function setPolicy(web: TestSidecar, policy: Partial<Policy>): void {
  setRoutes(web, [], { ...NO_POLICY, ...policy });
}

/** Of a policy that retries fast. */
export const RETRIES = {
  attempts: 2,
  statusCodes: new Set<number>(),
  connectFailure: true,
  backoffBaseMs: 1,
  backoffMaxMs: 2,
  budgetPercent: 20,
  budgetMinPerSecond: 10,
};

/** The rules of that service. */
export function setRoutes(web: TestSidecar, rules: HttpRule[], policy: Policy = NO_POLICY): void {
  const ports = [{ port: SERVICE.port, routeBound: false, rules, policy }];
  const routes = new Map(web.view.current.routes);
  web.view.change({ routes: routes.set('shop/cart', { service: 'shop/cart', ports }) });
}

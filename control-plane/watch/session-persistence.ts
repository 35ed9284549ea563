import { z } from 'zod';
import { headerNameProblem } from '../../proto/protected-headers.ts';
import { TOKEN } from '../../proto/token.ts';
import { DURATION_PATTERN } from '../crds/duration.ts';

const duration = z
  .string()
  .regex(DURATION_PATTERN, 'is not a duration such as 250ms, 10s or 1h30m');
const name = z.string().min(1).max(256).regex(TOKEN, 'is not the name of a cookie or header');
const lifetimeType = z.enum(['Session', 'Permanent']).default('Session');

/**
 * GEP-1619 on rules of routes, as 1.7 of the Gateway API writes it (`cookie`,
 * `header`), and as releases before did (`sessionName`, `cookieConfig`, `idleTimeout`).
 */
export const sessionPersistence = z
  .strictObject({
    type: z.enum(['Cookie', 'Header']).default('Cookie'),
    absoluteTimeout: duration.optional(),
    idleTimeout: duration.optional(),
    sessionName: name.optional(),
    cookieConfig: z.strictObject({ lifetimeType }).optional(),
    cookie: z
      .strictObject({
        name: name.optional(),
        path: z
          .string()
          .max(1024)
          .regex(/^\/[\x21-\x3a\x3c-\x7e]*$/, 'is not a path that begins with "/"')
          .default('/'),
        lifetimeType,
      })
      .optional(),
    header: z.strictObject({ name }).optional(),
  })
  .check((context) => {
    const { type, absoluteTimeout, cookie, cookieConfig, header, sessionName } = context.value;
    const problem = (message: string) =>
      context.issues.push({ code: 'custom', message, input: context.value });
    const isHeader = type === 'Header';
    if (isHeader && (cookie ?? cookieConfig) !== undefined)
      problem('Header has no use for a cookie');
    if (!isHeader && header !== undefined) problem('Cookie has no use for a header');
    if (isHeader) {
      const headerName = header?.name ?? sessionName;
      const fault = headerName === undefined ? 'needs the name of a header' : undefined;
      const message = fault ?? headerNameProblem(headerName ?? '');
      if (message !== undefined) problem(`the header: ${message}`);
    }
    const permanent = [cookie, cookieConfig].some((one) => one?.lifetimeType === 'Permanent');
    if (permanent && absoluteTimeout === undefined) problem('Permanent needs an absoluteTimeout');
  })
  .transform(
    ({ type, absoluteTimeout, idleTimeout, sessionName, cookieConfig, cookie, header }) => ({
      inHeader: type === 'Header',
      /** Empty: one that is made up. */
      name: header?.name ?? cookie?.name ?? sessionName ?? '',
      path: cookie?.path ?? '/',
      permanent: (cookie ?? cookieConfig)?.lifetimeType === 'Permanent',
      absoluteTimeout,
      idleTimeout,
    }),
  );

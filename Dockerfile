# One image for all processes of Remora:
#   node /app/control-plane.js
#   node /app/injector.js
#   MALLOC_ARENA_MAX=1 node --max-semi-space-size=2 --no-parallel-scavenge --heap-growing-percent=200 --expose-gc /app/sidecar.js
#   node /app/init.js

FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build && rm -r dist/meta

FROM node:24-bookworm-slim
# Both forms of iptables come in one package. What installs software goes.
RUN apt-get update \
  && apt-get install -y --no-install-recommends iptables \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt /usr/local/lib/node_modules \
    /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn* /opt/yarn*
COPY --from=build /src/dist /app
WORKDIR /app
ENV NODE_ENV=production
USER 15137:15137
# Each container names its process.
CMD ["node", "-e", "console.error('say which process: node /app/sidecar.js, control-plane.js, injector.js or init.js'); process.exit(1)"]

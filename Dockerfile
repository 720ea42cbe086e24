# One image for everything: tccd (the default), tccctl and the sample shop.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY proto proto
COPY src src
COPY samples samples
RUN npm run build

FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
COPY proto proto
COPY migrations migrations
# Where embedded SQLite lies when no other database is named. Mount a volume here to keep it.
RUN mkdir /data && chown node:node /data
USER node
ENV TCC_LISTEN=0.0.0.0:8480 TCC_DATABASE_URL=sqlite:/data/tccd.sqlite
EXPOSE 8480
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --start-interval=1s \
  CMD ["node", "dist/src/bin/tccctl.js", "participants", "--address", "127.0.0.1:8480"]
# Node itself is process 1, so SIGTERM reaches it and it drains.
CMD ["node", "--max-semi-space-size=32", "--initial-old-space-size=96", "--heap-growing-percent=20", "dist/src/bin/tccd.js"]

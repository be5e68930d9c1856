# syntax=docker/dockerfile:1
# Images of publish, of proxy and of the upstream of the examples:
#
#   docker build --target proxy --build-arg VERSION=v0.1.0 -t fleetdial-proxy .
#
# Each image holds one static program, certificates of public CAs, and no shell. It runs as
# the user 65532, and needs no writable file system, except for the files that flags name.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
# VERSION is shown by publish version, proxy --version and the column LIBRARY of publish
# status. Without it, they show (devel), because the repository's history is not copied.
ARG VERSION
ARG TARGETOS
ARG TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X github.com/fleetdial/fleetdial/internal/host.stamp=$VERSION" \
      -o /out/ ./cmd/publish ./cmd/proxy ./examples/upstream
RUN mkdir /state

FROM gcr.io/distroless/static-debian12:nonroot AS base
USER 65532:65532
LABEL org.opencontainers.image.source=https://github.com/fleetdial/fleetdial
LABEL org.opencontainers.image.licenses=Apache-2.0

FROM base AS upstream
COPY --from=build /out/upstream /usr/local/bin/upstream
EXPOSE 9200
ENTRYPOINT ["/usr/local/bin/upstream"]
CMD ["-listen", ":9200"]

FROM base AS publish
COPY --from=build /out/publish /usr/local/bin/publish
HEALTHCHECK NONE
ENTRYPOINT ["/usr/local/bin/publish"]

# The admin listener of the proxy serves /healthz. The health check asks for it on the port
# that docker-compose.yml and deploy/kubernetes use, so another port needs another check.
FROM base AS proxy
COPY --from=build /out/proxy /usr/local/bin/proxy
# A volume here belongs to the user of the image. It keeps the file of --snapshot.
COPY --from=build --chown=65532:65532 /state /var/lib/fleetdial
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=6s --start-period=5s --retries=3 \
    CMD ["/usr/local/bin/proxy", "--healthcheck", "http://127.0.0.1:8081/healthz"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/proxy"]
CMD ["--help"]

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev
# A megabyte less: without HTTP/2, since Connect's REST interface and the registries speak HTTP/1.1, and without
# inlining in libraries that no record passes.
ENV LEAN="-tags=nethttpomithttp2 -gcflags=github.com/cockroachdb/...=-l -gcflags=github.com/cockroachdb/pebble/...= -gcflags=github.com/gogo/...=-l \
    -gcflags=github.com/getsentry/...=-l -gcflags=github.com/bufbuild/...=-l -gcflags=github.com/santhosh-tekuri/...=-l \
    -gcflags=github.com/jcmturner/...=-l -gcflags=github.com/spf13/...=-l -gcflags=github.com/linkedin/...=-l"
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOWORK=off go build -trimpath $LEAN -ldflags="-s -w -X culvert/runtime/boot.version=${VERSION} -X culvert/runtime/boot.defaultDataDir=/var/lib/culvert" -o /out/culvert ./cmd/culvert \
    && mkdir -p /out/data

# The program brings its time zones; of an operating system it needs only whom to trust.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/culvert /usr/bin/culvert
# A volume takes owner and mode of the folder that it first covers.
COPY --from=build --chown=65532:65532 /out/data /var/lib/culvert
VOLUME /var/lib/culvert
USER 65532:65532
EXPOSE 8083
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/bin/culvert", "healthcheck"]
ENTRYPOINT ["/usr/bin/culvert"]
CMD ["worker"]

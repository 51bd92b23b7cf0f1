# make check is what CI runs before it starts servers; bash .ci/run is all of it.
.PHONY: build test check lint e2e bench demo

build:
	CGO_ENABLED=0 GOWORK=off go build -trimpath -tags nethttpomithttp2 -ldflags="-s -w" -o bin/culvert ./cmd/culvert

test:
	go test ./... ./demo/...

lint:
	test -z "$$(gofmt -l .)"
	go vet ./... ./demo/...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./... ./demo/...

check: lint test

e2e:
	go test -tags e2e -count=1 -parallel 4 -timeout 25m ./test/e2e/...

bench:
	go run ./bench

demo:
	go run ./demo

# What CI runs, in the same order: make check.
.PHONY: build test check lint e2e bench docs demo

build:
	CGO_ENABLED=0 GOWORK=off go build -trimpath -ldflags="-s -w" -o bin/culvert ./cmd/culvert

test:
	go test ./... ./demo/...

lint:
	test -z "$$(gofmt -l .)"
	go vet ./... ./demo/...
	go run honnef.co/go/tools/cmd/staticcheck@2026.1 ./...

check: lint test

e2e:
	go test -tags e2e -count=1 -timeout 25m ./test/e2e/...

bench:
	go run ./bench

demo:
	go run ./demo

# What a release consists of, into dist/: see docs/packaging.md.
.PHONY: dist test
dist:
	go run ./packaging

test:
	go test ./...

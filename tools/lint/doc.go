// Package lint is a module of its own for golangci-lint ("make golangci"), which takes minutes to build.
package lint

module github.com/truhook/truhook/idempotency/lineartest

go 1.25

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/stretchr/testify v1.12.1
	github.com/truhook/truhook v0.1.0
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect

replace github.com/truhook/truhook => ../..

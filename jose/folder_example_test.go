package jose_test

import (
	"crypto"
	"fmt"
	"log"
	"os"

	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
)

// TransUnion's ids are fingerprints of the keys, so the names of the files do not matter.
func ExampleNewFilePrivateKeys() {
	path, err := os.MkdirTemp("", "keys") // in a pod: "/var/run/secrets/transunion"
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(path)

	_, err = jose.NewFilePrivateKeys(path, jose.FolderConfig{
		KeyID:   func(_ string, public crypto.PublicKey) (string, error) { return transunion.Fingerprint(public) },
		OnError: func(err error) { log.Print(err) },
	})
	fmt.Println(err != nil) // there is no key in it yet
	// Output: true
}

// Package catalog describes how other providers of webhooks sign, as data, each row with its evidence.
//
//	v, err := catalog.New("stripe", os.Getenv("STRIPE_WEBHOOK_SECRET"))
//	if err != nil {
//		log.Fatal(err)
//	}
//	verify := truhook.NewMiddleware(v, truhook.Config{})
//	mux.Handle("POST /webhooks/stripe", verify.Wrap(handler))
//
// A row stands only if a published vector was recomputed, or if two independent sources agree on every field:
// [Provider.Evidence] says which, [Provider.Sources] where, and [Provider.Checked] when. What no source said is left
// out rather than guessed. The rows are files in the folder rows, one for each provider, which other languages can
// read; "make catalog" generates this package and docs/providers.md from them.
//
// A row may become looser in a patch release. It becomes stricter only under a new name, so that an update never
// rejects what was accepted. A row that is renamed keeps its old name as an alias.
//
// Truv, Trulioo, Truval and TransUnion have packages of their own, which know their events too.
package catalog

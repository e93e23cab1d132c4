package truv_test

import (
	"testing"

	"github.com/truhook/truhook/hmacsig/truv"
)

func BenchmarkEvent(b *testing.B) {
	v := verified(`{"webhook_id":"661f063e7be706c902082493b4cd9b9c","event_type":"order-created","event_created_at":"2026-03-02T09:29:58.104233Z",` +
		`"product":"income","user_id":"2dc4a5c102c51ca9997c79e746fe4fce","status":"pending","order_id":"de46dbb69e0d93eb249bbb7527f81b8d",` +
		`"order_number":"test-order-17","updated_at":"2026-03-02T09:29:58.104251+00:00","template_id":null,"employer_id":null,"link_id":null,"data_source":null}`)
	b.Run("EventID", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = truv.EventID(v)
		}
	})
	b.Run("EventVersion", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _, _ = truv.EventVersion(v)
		}
	})
	b.Run("Parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = truv.Parse(v)
		}
	})
}

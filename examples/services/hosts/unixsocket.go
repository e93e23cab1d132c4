package hosts

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/truhook/truhook"
)

// UnixConfig lets a proxy on this machine, which connects over a socket file and so has no address, count as 127.0.0.1.
// Everybody who may open the file is the proxy then: give it mode 0600, or 0660 and a group of the proxy's own.
func UnixConfig() truhook.Config {
	return truhook.Config{UnixPeer: netip.MustParseAddr("127.0.0.1")}
}

// Unix serves on a socket file until the returned server is closed.
func Unix(ctx context.Context, r *Receiver, file string) (*http.Server, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", file)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: ServeMux(r), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }()
	return server, nil
}

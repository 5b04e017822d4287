package endpoint

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// Our choice. There is no limit on how long an answer takes: a page may listen to the lab's events for hours.
const (
	// headerTime is for a request's header, and for a TLS handshake. It is also how long a connection may wait for its first
	// request: of many requests at once some find another connection free while theirs is made, and a client keeps what it has
	// made as long as what it has used. AWS's SDK for Go does for 90 s, and does not send a request again by itself where the
	// connection ends under it.
	headerTime = idleTime
	idleTime   = 2 * time.Minute // between two requests
	maxHeader  = 64 << 10        // a session token has some 400 bytes; the real services stop at 16 KiB
	drainTime  = 5 * time.Second // for what is under way when the lab goes down
)

func newServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader}
}

// Serve answers what comes to l until ctx ends; then it lets the requests under way finish, for at most five seconds, and
// cuts off the rest. A handler that has a method Shutdown, as *Endpoint has, is shut down with it. l is closed when
// Serve returns. The error is nil after ctx has ended.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := newServer(h)
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(l) }()
	var failed error
	select {
	case failed = <-stopped:
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	var both sync.WaitGroup
	if s, ok := h.(interface{ Shutdown(context.Context) error }); ok {
		both.Go(func() { _ = s.Shutdown(drain) })
	}
	both.Go(func() {
		if server.Shutdown(drain) != nil {
			server.Close()
		}
	})
	both.Wait()
	if errors.Is(failed, http.ErrServerClosed) {
		return nil
	}
	return failed
}

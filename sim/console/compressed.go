package console

import (
	"compress/gzip"
	"net/http"
	"strings"
	"sync"
)

// writers are gzip writers between two pages: one of them holds most of a megabyte.
var writers = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for a wrong level only
	return w
}}

// A compressed answer is written as gzip where it has a body (RFC 9110, Section 8.4.1.3). That a page holds what somebody typed
// beside the mark of its forms tells nobody the mark by the length: the mark looks different each time.
type compressed struct {
	http.ResponseWriter
	gzip  *gzip.Writer // nil before the first byte
	plain bool         // this status has no body, or somebody has encoded it
	begun bool
}

// compressing returns w or what compresses for it, and what ends the answer.
func compressing(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, func()) {
	w.Header().Add("Vary", "Accept-Encoding")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") || r.Method == http.MethodHead || r.Header.Get("Range") != "" {
		return w, func() {}
	}
	c := &compressed{ResponseWriter: w}
	return c, c.end
}

// WriteHeader implements http.ResponseWriter.
func (c *compressed) WriteHeader(status int) {
	if !c.begun {
		c.begun = true
		c.plain = status < 200 || status >= 300 && status < 400 || status == http.StatusNoContent
		if !c.plain {
			c.Header().Set("Content-Encoding", "gzip")
			c.Header().Del("Content-Length")
		}
	}
	c.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (c *compressed) Write(b []byte) (int, error) {
	if !c.begun {
		if c.Header().Get("Content-Type") == "" {
			c.Header().Set("Content-Type", http.DetectContentType(b))
		}
		c.WriteHeader(http.StatusOK)
	}
	if c.plain {
		return c.ResponseWriter.Write(b)
	}
	if c.gzip == nil {
		c.gzip = writers.Get().(*gzip.Writer)
		c.gzip.Reset(c.ResponseWriter)
	}
	return c.gzip.Write(b)
}

func (c *compressed) end() {
	if c.gzip == nil {
		return
	}
	_ = c.gzip.Close() // a browser that has gone is no error of ours
	writers.Put(c.gzip)
}

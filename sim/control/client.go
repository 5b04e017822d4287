package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// A Client speaks the control API.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// Dial returns a client of the lab at url, which asks for token where that is not empty. Nothing is sent yet.
func Dial(url, token string) *Client {
	// No proxy: the lab is reached directly even in a shell whose proxy is the lab itself.
	return &Client{base: strings.TrimSuffix(url, "/"), token: token, http: &http.Client{Transport: &http.Transport{},
		CheckRedirect: noRedirect}}
}

// noRedirect makes a redirection an answer that refuses: the API sends none, and a POST would come out as a GET.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Local returns a client of an API in the same process.
func Local(s *Server) *Client {
	return &Client{base: "http://localhost", token: s.lab.Token(), http: &http.Client{Transport: inMemory{s},
		CheckRedirect: noRedirect}}
}

// inMemory is a transport that hands requests to the API without a network.
type inMemory struct{ http.Handler }

// RoundTrip implements http.RoundTripper. The answer is gathered whole; the journal's stream, which cannot be, ends with
// the newest event.
func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	a := &answer{header: http.Header{}, status: http.StatusOK}
	m.ServeHTTP(a, r)
	return &http.Response{StatusCode: a.status, Status: http.StatusText(a.status), Header: a.header,
		Body: io.NopCloser(&a.body), Request: r}, nil
}

// answer is a http.ResponseWriter that keeps what is written.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }
func (a *answer) WriteHeader(status int)      { a.status = status }

// A RefusedError is an answer of the lab that refuses; its text says why.
type RefusedError struct {
	Status int
	Text   string
}

// Error returns the lab's own words.
func (e *RefusedError) Error() string { return e.Text }

// Get asks for path and reads the answer into out, which may be nil.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodGet, path, nil, out)
}

// Post sends in as JSON to path and reads the answer into out; both may be nil.
func (c *Client) Post(ctx context.Context, path string, in, out any) error {
	return c.do(ctx, http.MethodPost, path, in, out)
}

// Delete asks that what is at path be gone, and reads the answer into out, which may be nil.
func (c *Client) Delete(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodDelete, path, nil, out)
}

func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("the lab's answer broke off: %w", err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

func (c *Client) send(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err() // who asked has given up; the lab may be well
	}
	if err != nil {
		return nil, fmt.Errorf("the lab at %s does not answer: %w", c.base, errors.Unwrap(err))
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	var r Refusal
	if json.Unmarshal(b, &r) != nil || r.Error == "" {
		r.Error = fmt.Sprintf("the lab at %s answered %s", c.base, resp.Status)
	}
	return nil, &RefusedError{Status: resp.StatusCode, Text: r.Error}
}

// Stream hands each line of a streaming answer to each, until each returns an error or the answer ends.
func (c *Client) Stream(ctx context.Context, path string, each func(line []byte) error) error {
	resp, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	d := json.NewDecoder(resp.Body)
	for {
		var line json.RawMessage
		if err := d.Decode(&line); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := each(line); err != nil {
			return err
		}
	}
}

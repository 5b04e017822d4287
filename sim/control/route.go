package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"

	"github.com/mfalab/mfalab/sim/live"
)

// A route is one operation of the API. Its input is a struct: fields tagged path or query come from there, the others
// are the JSON body's.
type route struct {
	method, path string
	summary      string
	in, out      reflect.Type
	serve        func(w http.ResponseWriter, r *http.Request)
}

// none is the input or output of a route that has none.
type none struct{}

// on makes a route from a function of the lab.
func on[In, Out any](method, path, summary string, f func(ctx context.Context, in In) (Out, error)) route {
	r := route{method: method, path: path, summary: summary, in: reflect.TypeFor[In](), out: reflect.TypeFor[Out]()}
	r.serve = func(w http.ResponseWriter, req *http.Request) {
		var in In
		if err := read(w, req, &in); err != nil {
			fail(w, statusOf(err), err)
			return
		}
		out, err := f(req.Context(), in)
		if err != nil {
			fail(w, statusOf(err), err)
			return
		}
		reply(w, http.StatusOK, out)
	}
	return r
}

// maxBody bounds what a request may carry. Our choice: a saved lab of ten thousand fobs fits many times.
const maxBody = 64 << 20

// badRequest is an error of the request itself.
type badRequest struct{ error }

// errTooLarge is returned for a request beyond maxBody.
var errTooLarge = fmt.Errorf("the request is larger than %d bytes", maxBody)

// read fills in from the path, the query and the JSON body of a request. A field or a parameter that there is not is
// refused, so that a slip of the pen is not silently nothing.
func read(w http.ResponseWriter, r *http.Request, in any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if errors.As(err, new(*http.MaxBytesError)) {
		return errTooLarge
	}
	if err != nil {
		return badRequest{fmt.Errorf("the request broke off: %w", err)}
	}
	if len(body) > 0 {
		if err := decode(body, in); err != nil {
			return badRequest{fmt.Errorf("the request is no JSON of this operation: %w", err)}
		}
	}
	return readParameters(r, reflect.ValueOf(in).Elem())
}

// decode reads one JSON value that has no field that in has not.
func decode(body []byte, in any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows it")
	}
	return nil
}

// readParameters fills the fields of v that are tagged path or query.
func readParameters(r *http.Request, v reflect.Value) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return badRequest{fmt.Errorf("the query cannot be read: %w", err)}
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if name := f.Tag.Get("path"); name != "" {
			v.Field(i).SetString(r.PathValue(name))
		}
		if name := f.Tag.Get("query"); name != "" && query.Has(name) {
			if len(query[name]) > 1 {
				return badRequest{fmt.Errorf("the parameter %s is there %d times: give it once", name, len(query[name]))}
			}
			if err := setText(v.Field(i), name, query.Get(name)); err != nil {
				return badRequest{err}
			}
			delete(query, name)
		}
	}
	for name := range query {
		return badRequest{fmt.Errorf("there is no parameter %.40q here", name)}
	}
	return nil
}

func setText(v reflect.Value, name, text string) error {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return fmt.Errorf("the parameter %s is a whole number from 0 on, not %.40q", name, text)
		}
		v.SetUint(n)
	default:
		panic("control: internal error: a query parameter is a string or a whole number")
	}
	return nil
}

// statusOf says with which HTTP status an error goes out.
func statusOf(err error) int {
	switch {
	case errors.As(err, new(badRequest)):
		return http.StatusBadRequest
	case errors.Is(err, errTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, live.ErrNoDevice), errors.Is(err, live.ErrNoKey):
		return http.StatusNotFound
	case errors.Is(err, live.ErrClosed):
		return http.StatusServiceUnavailable
	default:
		return http.StatusConflict
	}
}

// Refusal is the body of every answer that refuses.
type Refusal struct {
	Error string `json:"error"`
}

func fail(w http.ResponseWriter, status int, err error) { reply(w, status, Refusal{err.Error()}) }

func reply(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error":"the answer could not be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the client may have gone; nobody is left to tell
}

// OpenDoor asks for the passwords of the console.
type OpenDoor struct {
	Reset bool `json:"reset,omitempty"` // set them anew
}

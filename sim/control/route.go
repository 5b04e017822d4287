package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
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
		if err := read(req, &in); err != nil {
			fail(w, http.StatusBadRequest, err)
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

// read fills in from the path, the query and the JSON body of a request.
func read(r *http.Request, in any) error {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return fmt.Errorf("the request is larger than %d bytes, or broke off", maxBody)
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, in); err != nil {
			return fmt.Errorf("the request is no JSON of this operation: %w", err)
		}
	}
	v := reflect.ValueOf(in).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if name := f.Tag.Get("path"); name != "" {
			v.Field(i).SetString(r.PathValue(name))
		}
		if name := f.Tag.Get("query"); name != "" && r.URL.Query().Has(name) {
			if err := setText(v.Field(i), name, r.URL.Query().Get(name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func setText(v reflect.Value, name, text string) error {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Uint64, reflect.Int64, reflect.Int:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 && v.Kind() == reflect.Uint64 {
			return fmt.Errorf("the parameter %s is a whole number, not %q", name, text)
		}
		if v.CanUint() {
			v.SetUint(uint64(n))
		} else {
			v.SetInt(n)
		}
	default:
		panic("control: internal error: a query parameter is a string or a whole number")
	}
	return nil
}

// statusOf says with which HTTP status an error goes out.
func statusOf(err error) int {
	switch {
	case errors.Is(err, live.ErrNoDevice):
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

package control

import (
	"encoding"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/live"
)

// object is a JSON object of the document.
type object map[string]any

var inPath = regexp.MustCompile(`\{(\w+)\}`)

// OpenAPI returns the description of the API as an OpenAPI 3.1 document. It is made from the same table as the API, so
// the two cannot differ.
func (s *Server) OpenAPI() map[string]any {
	paths := object{}
	for _, r := range s.routes() {
		item, _ := paths[r.path].(object)
		if item == nil {
			item = object{}
			paths[r.path] = item
		}
		item[strings.ToLower(r.method)] = r.describe()
	}
	for _, r := range s.streams() {
		lines := object{"application/x-ndjson": object{"schema": schema(r.out)}}
		described := r.describe()
		described["responses"].(object)["200"] = object{"description": "one a line, until the client goes", "content": lines}
		paths[r.path] = object{"get": described}
	}
	return object{
		"openapi": "3.1.0",
		"info": object{"title": "mfalab control API", "version": Version,
			"description": "Drives the devices, the clock and the state of one lab. It is not part of any AWS API.",
			"license":     object{"name": "Apache-2.0", "identifier": "Apache-2.0"}},
		"servers": []object{{"url": "http://127.0.0.1:6325"}},
		"paths":   paths,
	}
}

func (r route) describe() object {
	out := object{"summary": r.summary, "operationId": r.operation(), "responses": object{
		"200":     object{"description": "done", "content": jsonOf(r.out)},
		"default": object{"description": "refused, with the reason", "content": jsonOf(reflect.TypeFor[Refusal]())},
	}}
	var params []object
	for _, f := range reflect.VisibleFields(r.in) {
		for _, in := range []string{"path", "query"} {
			if name := f.Tag.Get(in); name != "" {
				params = append(params, object{"name": name, "in": in, "required": in == "path", "schema": schema(f.Type)})
			}
		}
	}
	if params != nil {
		out["parameters"] = params
	}
	if body := schema(r.in); r.method == http.MethodPost && body["properties"] != nil {
		out["requestBody"] = object{"content": jsonOf(r.in)}
	}
	return out
}

// operation names the route for generated clients: "postFobsSerialPress".
func (r route) operation() string {
	name := strings.ToLower(r.method)
	for _, part := range strings.Split(strings.TrimPrefix(r.path, "/v1/"), "/") {
		part = inPath.ReplaceAllString(part, "$1")
		name += strings.ToUpper(part[:1]) + part[1:]
	}
	return name
}

func jsonOf(t reflect.Type) object { return object{"application/json": object{"schema": schema(t)}} }

// schemas of the types that write themselves.
var schemas = map[reflect.Type]object{
	reflect.TypeFor[time.Time]():     {"type": "string", "format": "date-time"},
	reflect.TypeFor[[]byte]():        {"type": "string", "format": "byte"},
	reflect.TypeFor[live.Span]():     {"type": "string", "examples": []string{"30s", "1h30m"}},
	reflect.TypeFor[sim.Event]():     {"type": "object", "required": []string{"seq", "time", "event"}},
	reflect.TypeFor[iam.Snapshot]():  {"type": "object"},
	reflect.TypeFor[live.Snapshot](): {"type": "object", "description": "what the save operation returned"},
}

func schema(t reflect.Type) object {
	if s, ok := schemas[t]; ok {
		return s
	}
	if t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schema(t.Elem())
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		return object{"type": "array", "items": schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": schema(t.Elem())}
	case reflect.Struct:
		return structSchema(t)
	default:
		return object{"type": "integer"}
	}
}

func structSchema(t reflect.Type) object {
	s := object{"type": "object"}
	properties, required := object{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		name, opt, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "-" || name == "" {
			continue
		}
		properties[name] = schema(f.Type)
		if !strings.Contains(opt, "omit") {
			required = append(required, name)
		}
	}
	if len(properties) > 0 {
		s["properties"] = properties
	}
	if slices.Sort(required); len(required) > 0 {
		s["required"] = required
	}
	return s
}

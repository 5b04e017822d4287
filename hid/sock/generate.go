//go:build ignore

// The generator compiles the shim into prebuilt/, which sock embeds.
package main

import (
	"context"
	"log"
	"os"
	"path/filepath"

	"github.com/mfalab/mfalab/hid/sock"
)

func main() {
	stale, err := filepath.Glob("prebuilt/*.so")
	if err != nil {
		log.Fatal(err)
	}
	for _, path := range stale {
		if err := os.Remove(path); err != nil {
			log.Fatal(err)
		}
	}
	if err := sock.Compile(context.Background(), filepath.Join("prebuilt", sock.ShimName())); err != nil {
		log.Fatal(err)
	}
}

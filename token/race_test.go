//go:build race

package token

func init() { race = true }

package cose

import (
	"crypto/rsa"
	"errors"
	"math/big"
	"slices"
)

// Our choice. The keys are of the size that relying parties ask for and that real authenticators make.
const (
	primeSize  = 128 // bytes of each of the two primes: a modulus of 2048 bits
	sieveLimit = 1 << 14
	lastStep   = 0xffff // of a search: it fits half a place, and a gap that long is never met (the mean is 355 steps)
	rounds     = 8      // of Miller and Rabin, beside the Baillie-PSW test
)

// publicExponent is the one that everybody uses.
const publicExponent = 65537

// smallPrimes are the odd primes below sieveLimit.
var smallPrimes = func() (primes []uint32) {
	composite := make([]bool, sieveLimit)
	for n := uint32(3); n < sieveLimit; n += 2 {
		if composite[n] {
			continue
		}
		primes = append(primes, n)
		for m := n * n; m < sieveLimit; m += 2 * n {
			composite[m] = true
		}
	}
	return primes
}()

// newRSA returns the key of seed. [rsa.GenerateKey] ignores the reader that it is given, so that the primes are sought
// here: each is the first prime from a number on that the seed gives. A place that is known spares the search; it holds
// for each prime in how many steps of two it was reached, plus one.
func newRSA(seed []byte, place uint32) (*rsa.PrivateKey, uint32, error) {
	var primes [2]*big.Int
	var steps [2]uint32
	for i := range primes {
		start := new(big.Int).SetBytes(expand(seed, labelRS256, byte(i), primeSize))
		start.SetBit(start, 8*primeSize-1, 1) // so that the product has all its bits
		start.SetBit(start, 8*primeSize-2, 1)
		start.SetBit(start, 0, 1)
		step := place >> (16 * (1 - i)) & 0xffff
		if step == 0 {
			if step = search(start); step == 0 {
				return nil, 0, errors.New("cose: no prime is near what the seed gives; use another seed")
			}
		}
		primes[i], steps[i] = start.Add(start, new(big.Int).SetUint64(2*uint64(step-1))), step
	}
	key, err := fromPrimes(primes[0], primes[1])
	return key, steps[0]<<16 | steps[1], err
}

// search returns in how many steps of two a prime is reached from start, plus one; 0 if none is near.
func search(start *big.Int) uint32 {
	composite := make([]bool, lastStep)
	var rest, modulus big.Int
	for _, p := range smallPrimes {
		r := uint32(rest.Mod(start, modulus.SetUint64(uint64(p))).Uint64())
		// The first step s with r + 2s = 0 modulo p.
		first := (p - r) % p
		if first%2 == 1 {
			first += p
		}
		for s := first / 2; s < lastStep; s += p {
			composite[s] = true
		}
	}
	e, one := big.NewInt(publicExponent), big.NewInt(1)
	var candidate, before, gcd big.Int
	for s := uint32(0); s < lastStep; s++ {
		if composite[s] {
			continue
		}
		candidate.Add(start, rest.SetUint64(2*uint64(s)))
		if candidate.ProbablyPrime(0) && candidate.ProbablyPrime(rounds) &&
			gcd.GCD(nil, nil, before.Sub(&candidate, one), e).Cmp(one) == 0 {
			return s + 1
		}
	}
	return 0
}

// fromPrimes returns the key of two primes. See RFC 8017 Section 3.2.
func fromPrimes(p, q *big.Int) (*rsa.PrivateKey, error) {
	one := big.NewInt(1)
	p1, q1 := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
	order := new(big.Int).Mul(p1, q1)
	d := new(big.Int).ModInverse(big.NewInt(publicExponent), order)
	if d == nil {
		return nil, errors.New("cose: these primes make no RSA key; use another seed")
	}
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: publicExponent}, D: d,
		Primes: slices.Clone([]*big.Int{p, q})}
	key.Precompute()
	return key, key.Validate()
}
